/* The nearest of a list of words, by edit distance. */
#include "tec/suggest.h"

#include "tec/minmax.h"

#include <string.h>

#define LONGEST 63
#define FAR 1000

/* Optimal string alignment: three rows of the usual table are enough to see a swap of neighbours. */
int tec_word_distance(const char *a, const char *b)
{
    int row[3][LONGEST + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return FAR;
    for (size_t j = 0; j <= m; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        const int *before = row[(i + 1) % 3], *last = row[(i - 1) % 3];
        int *now = row[i % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = tec_min_int(tec_min_int(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = tec_min_int(now[j], before[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

/* A third of the letters may be wrong. A part of the right word ("tau" for "attention_tau") counts as just near
 * enough. */
const char *tec_suggest(const char *word, const char *const *candidates, int count)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    int most = length < 3 ? 1 : (int)(length / 3), best = most + 1;
    for (int i = 0; i < count; i++) {
        int distance = tec_word_distance(word, candidates[i]);
        if (distance > most && length >= 3 && strstr(candidates[i], word))
            distance = most;
        if (distance < best && (size_t)distance < strlen(candidates[i])) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
