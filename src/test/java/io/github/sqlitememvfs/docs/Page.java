package io.github.sqlitememvfs.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Heading;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.Image;
import org.commonmark.node.IndentedCodeBlock;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.parser.IncludeSourceSpans;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.text.TextContentRenderer;

/** A page of the documentation: its code, links and headings. */
final class Page {

  private static final Pattern MARKER = Pattern.compile("<!-- (.+?) -->\\s*", Pattern.DOTALL);

  /** A block of code. The marker is what a comment right before it says, or null. */
  record Block(Path page, String place, String language, String marker, String code) {
  }

  final Path file;
  final List<Block> blocks = new ArrayList<>();
  final List<String> spans = new ArrayList<>();
  final List<String> links = new ArrayList<>();
  /** As GitHub makes them from headings. */
  final Set<String> anchors = new LinkedHashSet<>();

  Page(Path file, String markdown) {
    this.file = file;
    Parser parser = Parser.builder().includeSourceSpans(IncludeSourceSpans.BLOCKS).build();
    parser.parse(markdown.replace("\r", "")).accept(new AbstractVisitor() {
      @Override
      public void visit(FencedCodeBlock block) {
        add(block, block.getInfo().strip(), block.getLiteral());
      }

      @Override
      public void visit(IndentedCodeBlock block) {
        add(block, "", block.getLiteral());
      }

      @Override
      public void visit(Code span) {
        spans.add(span.getLiteral());
      }

      @Override
      public void visit(Link link) {
        links.add(link.getDestination());
        visitChildren(link);
      }

      @Override
      public void visit(Image image) {
        links.add(image.getDestination());
      }

      @Override
      public void visit(Heading heading) {
        String text = TextContentRenderer.builder().build().render(heading);
        anchors.add(text.strip().toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}_ -]", "").replace(' ', '-'));
        visitChildren(heading);
      }
    });
  }

  static Page of(Path file) throws IOException {
    return new Page(file, Files.readString(file));
  }

  private void add(Node block, String language, String code) {
    String marker = null;
    if (block.getPrevious() instanceof HtmlBlock html) {
      Matcher matcher = MARKER.matcher(html.getLiteral());
      marker = matcher.matches() ? matcher.group(1) : null;
    }
    int line = block.getSourceSpans().get(0).getLineIndex() + 1;
    blocks.add(new Block(file, file + ":" + line, language, marker, code.strip()));
  }
}
