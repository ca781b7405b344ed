/* Module base, public. Strings. Local. */
#ifndef TEC_TEXT_H
#define TEC_TEXT_H

#include <stdbool.h>

/* printf into a new string, which the caller frees. Ends the program when out of memory. */
char *tec_string_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* printf behind a string of the heap, which may move. Ends the program when out of memory. */
void tec_string_append(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A copy of a string, which the caller frees. Ends the program when out of memory. */
char *tec_string_copy(const char *text);

/* Puts ? in place of control characters, in place, so that names of files and in files can neither end a line nor control
 * the terminal. Returns the text. */
char *tec_string_printable(char *text);

/* "s" behind a noun, but for one: "3 images", "1 image". */
static inline const char *tec_plural(long long count)
{
    return count == 1 ? "" : "s";
}

bool tec_string_starts_with(const char *text, const char *start);
bool tec_string_ends_with(const char *text, const char *end);

/* Cuts "[a, b, c]", with or without brackets, into the words between the commas, without blanks around them: writes 0 bytes
 * into the text, and the first `most` words to `part`. Returns how many there are. */
int tec_string_split_list(char *text, const char **part, int most);

/* Words of an enum stand in one list, TEC_..._LIST(BETWEEN): joined by "|" they are the choices of a setting, by TEC_COMMA
 * the elements of an array. */
#define TEC_COMMA ,

/* The index of `word` in `words` (ending with NULL); -1: not among them. */
int tec_string_find(const char *const *words, const char *word);

#endif
