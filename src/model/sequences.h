/* Module model, private. Describes the sequences of a micro-batch for attention (tec_sequences). */
#ifndef TEC_MODEL_SEQUENCES_H
#define TEC_MODEL_SEQUENCES_H

#include "tec/arena.h"
#include "tec/ops.h"

/* A tec_sequences, and its arrays to write to. */
typedef struct sequences {
    tec_sequences view;
    int *first, *row;
} sequences;

/* Room for at most `most` sequences. */
void tec_sequences_lay_out(int most, sequences *s, tec_arena *arena);

/* No sequences yet; each will have N tokens. */
void tec_sequences_clear(sequences *s, int N);

/* Appends `count` sequences whose queries are the tokens first .. N - 1. */
void tec_sequences_append(sequences *s, int count, int first);

#endif
