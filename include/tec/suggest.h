/* "Did you mean ...?" Local and pure. */
#ifndef TEC_SUGGEST_H
#define TEC_SUGGEST_H

/* Changes of one letter (or swaps of two neighbours) that turn one word into the other; a word longer than 63 bytes is
 * far from everything (1000). */
int tec_word_distance(const char *a, const char *b);

/* The candidate nearest to `word`, the first of equals; NULL when none is near enough to have been meant. */
const char *tec_suggest(const char *word, const char *const *candidates, int count);

#endif
