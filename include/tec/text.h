/* Texts made of parts. Local. */
#ifndef TEC_TEXT_H
#define TEC_TEXT_H

/* As printf, into memory of its own: the caller's to free(). Ends the program where there is none. */
char *tec_string_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
