/* Fills in a tec_sequences. */
#include "sequences.h"

#include "matrix.h"

void tec_sequences_lay_out(int most, sequences *s, tec_arena *arena)
{
    s->first = take_array(arena, most, sizeof(int));
    s->row = take_array(arena, most + 1, sizeof(int));
}

void tec_sequences_clear(sequences *s, int N)
{
    s->row[0] = 0;
    s->view = (tec_sequences){.count = 0, .N = N, .first = s->first, .row = s->row};
}

void tec_sequences_append(sequences *s, int count, int first)
{
    for (int i = 0; i < count; i++) {
        int at = s->view.count++;
        s->first[at] = first;
        s->row[at + 1] = s->row[at] + s->view.N - first;
    }
}
