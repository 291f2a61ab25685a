package io.github.sqlitememvfs.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says which {@link FreshDatabase} a parameter belongs to. It is needed if there are several, and for the name of a
 * database, which is a {@code String} like any other. An annotation of your own that has this one means the same.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.PARAMETER, ElementType.ANNOTATION_TYPE})
public @interface Fresh {
  /**
   * Names the {@link FreshDatabase}, by the name of {@link FreshDatabase#named}.
   *
   * @return the name; empty for the one without a name
   */
  String value() default "";
}
