/*
 * See looks.h. The signatures are those of the formats' own specifications, as collected in the magic files of file(1).
 *
 * The order matters: what has a signature comes first, then text, and last what has no pattern at all.
 */
#include "store/looks.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BYTES(text) text, sizeof text - 1

typedef struct signature {
    size_t at;
    const char *bytes;
    size_t n;
    const char *looks;
} signature;

static const signature signatures[] = {
    {0, BYTES("\x1f\x8b"), "gzip data: decompress it first"},
    {0, BYTES("PK\x03\x04"), "a zip archive: extract the database from it first"},
    {0, BYTES("PK\x05\x06"), "an empty zip archive"},
    {0, BYTES("\x28\xb5\x2f\xfd"), "zstd data: decompress it first"},
    {0, BYTES("BZh"), "bzip2 data: decompress it first"},
    {0, BYTES("\xfd" "7zXZ\0"), "xz data: decompress it first"},
    {0, BYTES("\x04\x22\x4d\x18"), "lz4 data: decompress it first"},
    {0, BYTES("\xff\x06\0\0sNaPpY"), "snappy data: decompress it first"},
    {0, BYTES("LZIP"), "lzip data: decompress it first"},
    {0, BYTES("7z\xbc\xaf\x27\x1c"), "a 7z archive: extract the database from it first"},
    {0, BYTES("Rar!\x1a\x07"), "a RAR archive: extract the database from it first"},
    {257, BYTES("ustar"), "a tar archive: extract the database from it first"},
    {0, BYTES("\x37\x7f\x06\x82"), "the write-ahead log of a database (a -wal file): give the database itself"},
    {0, BYTES("\x37\x7f\x06\x83"), "the write-ahead log of a database (a -wal file): give the database itself"},
    {0, BYTES("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"), "the rollback journal of a database (a -journal file): give the database itself"},
    {0, BYTES("** This file contains an SQLite 2"), "an SQLite 2 database: convert it with the programs sqlite (.dump) and sqlite3"},
    {0, BYTES("%PDF-"), "a PDF document"},
    {0, BYTES("\x89PNG\r\n"), "a PNG picture"},
    {0, BYTES("\xff\xd8\xff"), "a JPEG picture"},
    {0, BYTES("PAR1"), "a Parquet file"},
    {8, BYTES("DUCK"), "a DuckDB database"},
    {4, BYTES("Standard Jet DB"), "a Microsoft Access database"},
    {4, BYTES("Standard ACE DB"), "a Microsoft Access database"},
    {0, BYTES("\x7f" "ELF"), "a program (ELF)"},
};

static const signature text_signatures[] = { /* of what comes after white space, in any case */
    {0, BYTES("<!doctype html"), "an HTML page, perhaps one about an error: check what the server said"},
    {0, BYTES("<html"), "an HTML page, perhaps one about an error: check what the server said"},
    {0, BYTES("<head"), "an HTML page, perhaps one about an error: check what the server said"},
    {0, BYTES("<?xml"), "XML, perhaps about an error: check what the server said"},
    {0, BYTES("<"), "HTML or XML, perhaps about an error: check what the server said"},
    {0, BYTES("{"), "JSON, perhaps about an error: check what the server said"},
    {0, BYTES("["), "JSON, perhaps about an error: check what the server said"},
    {0, BYTES("http/1."), "a whole HTTP answer: leave its head out"},
    {0, BYTES("version https://git-lfs"), "a pointer of Git LFS: fetch the file itself (git lfs pull)"},
    {0, BYTES("-----begin pgp"), "PGP data: decrypt it first"},
    {0, BYTES("u1fmaxrligzvcm1hdcaz"), "a database in base64: decode it first"},
    {0, BYTES("53514c69746520666f726d6174203300"), "a database in hexadecimal digits: decode it first"},
    {0, BYTES("pragma "), "SQL: run it as a script on an empty database"},
    {0, BYTES("begin"), "SQL: run it as a script on an empty database"},
    {0, BYTES("create "), "SQL: run it as a script on an empty database"},
    {0, BYTES("insert "), "SQL: run it as a script on an empty database"},
    {0, BYTES("drop "), "SQL: run it as a script on an empty database"},
    {0, BYTES("select "), "SQL: run it as a script on an empty database"},
    {0, BYTES("--"), "SQL: run it as a script on an empty database"},
    {0, BYTES("/*"), "SQL: run it as a script on an empty database"},
};

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool begins(const uint8_t *bytes, size_t n, const signature *s, bool any_case) {
    if (s->at >= n || s->n > n - s->at) return false;
    for (size_t i = 0; i < s->n; i++) {
        uint8_t c = bytes[s->at + i];
        if ((any_case ? lower(c) : c) != (uint8_t)s->bytes[i]) return false;
    }
    return true;
}

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Text in ASCII or an extension of it. */
static bool is_text(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if ((bytes[i] < ' ' && !is_space(bytes[i])) || bytes[i] == 0x7f) return false;
    }
    return true;
}

static bool is_base64(const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        bool digit = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '-' || c == '_';
        if (!digit && c != '=' && c != '\r' && c != '\n') return false;
    }
    return n >= 64;
}

static const char *text_like(const uint8_t *bytes, size_t n) {
    while (n > 0 && is_space(*bytes)) bytes++, n--;
    for (size_t i = 0; i < sizeof text_signatures / sizeof *text_signatures; i++) {
        if (begins(bytes, n, &text_signatures[i], true)) return text_signatures[i].looks;
    }
    if (is_base64(bytes, n)) return "text in base64: decode it first";
    return n > 0 ? "text" : "text of nothing but white space";
}

static bool is_zero(const uint8_t *bytes, size_t n) {
    while (n > 0 && *bytes == 0) bytes++, n--;
    return n == 0;
}

/*
 * Whether the bytes have no pattern. Of n random bytes, e = 256 * (1 - (255/256)^n) values are different ones, with a standard deviation
 * that is below 4 for each n: fewer than e - 16 are a pattern. Where each value is expected 4 times and more, chi-square tells more: for
 * random bytes it is 255, with a deviation of 23.
 */
static bool is_random(const uint8_t *bytes, size_t n) {
    unsigned count[256] = {0};
    size_t different = 0;
    double expected = 256, square = 0;
    if (n < 64) return false;
    for (size_t i = 0; i < n; i++) {
        different += count[bytes[i]]++ == 0;
        expected *= 255.0 / 256;
    }
    if ((double)different < 256 - expected - 16) return false;
    if (n < 1024) return true;
    for (int i = 0; i < 256; i++) {
        double d = count[i] - n / 256.0;
        square += d * d / (n / 256.0);
    }
    return square < 400;
}

const char *mv_looks_like(const void *from, size_t n) {
    static const char magic[] = "SQLite format 3"; /* and a zero */
    const uint8_t *bytes = from;
    if (n == 0) return NULL;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        if (begins(bytes, n, &signatures[i], false)) return signatures[i].looks;
    }
    if (n >= 2 && bytes[0] == 0x78 && (bytes[0] << 8 | bytes[1]) % 31 == 0 && !is_text(bytes, n)) {
        return "zlib data: decompress it first"; /* RFC 1950, 2.2 */
    }
    for (size_t i = 1; i + sizeof magic <= n; i++) {
        if (memcmp(bytes + i, magic, sizeof magic) == 0) return "a database with other bytes before it: leave them out";
    }
    if (n >= 2 && ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff))) return "text in UTF-16";
    if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 && is_text(bytes + 3, n - 3)) return text_like(bytes + 3, n - 3);
    if (is_text(bytes, n)) return text_like(bytes, n);
    if (is_zero(bytes, n)) return "zeros: whoever wrote it has not finished, or a part of the file is missing";
    if (is_random(bytes, n)) return "encrypted or compressed data: decrypt it first, with SQLCipher by sqlcipher_export";
    return NULL;
}
