/* Module base, public. Strings. Local. */
#ifndef TEC_TEXT_H
#define TEC_TEXT_H

/* printf into a new string, which the caller frees. Ends the program when out of memory. */
char *tec_string_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
