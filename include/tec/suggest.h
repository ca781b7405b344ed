/* Module base, public. "Did you mean ...?" Local and pure. */
#ifndef TEC_SUGGEST_H
#define TEC_SUGGEST_H

/* The number of edits (a letter inserted, deleted or replaced, or two neighbours swapped) that turn one word into the
 * other; 1000 if a word is longer than 63 bytes. Public for its
 * test. */
int tec_word_distance(const char *a, const char *b);

/* The candidate nearest to `word`, the first of equals; NULL: none is near enough to have been meant. */
const char *tec_suggest(const char *word, const char *const *candidates, int count);

#endif
