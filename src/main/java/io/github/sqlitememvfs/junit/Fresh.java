package io.github.sqlitememvfs.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says which {@link FreshDatabase} a parameter is of: of several, and for the name of a database, which is a {@code
 * String} like any other. It can stand on an annotation of one's own, which then means the same.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.PARAMETER, ElementType.ANNOTATION_TYPE})
public @interface Fresh {
  /**
   * The name that was given by {@link FreshDatabase#named}.
   *
   * @return the name; empty for the one without a name
   */
  String value() default "";
}
