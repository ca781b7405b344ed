/* Fills the description of a micro-batch's sequences that attention works by. */
#ifndef TEC_MODEL_SEQUENCES_H
#define TEC_MODEL_SEQUENCES_H

#include "tec/arena.h"
#include "tec/ops.h"

/* tec_sequences whose arrays may be written. */
typedef struct sequences {
    tec_sequences view;
    int *first, *row;
} sequences;

void tec_sequences_lay_out(int most, sequences *s, tec_arena *arena);
void tec_sequences_clear(sequences *s, int N);

/* Appends `count` sequences whose queries are the tokens first .. N-1. */
void tec_sequences_append(sequences *s, int count, int first);

#endif
