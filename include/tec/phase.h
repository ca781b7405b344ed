/* Module base, public. What the main thread of this process is doing, as its watchdog sees it. Entering a phase, even
 * the same one again, is a sign of life. Written by the main thread, read by any. Local. */
#ifndef TEC_PHASE_H
#define TEC_PHASE_H

typedef enum tec_phase {
    TEC_PHASE_MPI,     /* MPI_Init */
    TEC_PHASE_CONNECT, /* the first collective: can the ranks reach each other? */
    TEC_PHASE_START,   /* settings, data sets, models, stores */
    TEC_PHASE_STAGE,   /* copying files to a disk of the node */
    TEC_PHASE_COMPUTE, /* everything else */
    TEC_PHASE_DATA,    /* waiting for images or targets */
    TEC_PHASE_SAVE     /* writing a checkpoint, or finishing a store */
} tec_phase;

/* Returns the previous phase. */
tec_phase tec_phase_enter(tec_phase phase);

/* A sign of life within a phase. Long work of the main thread gives one at least every second or so. */
void tec_phase_tick(void);

/* Has tec_phase_tick call hook(context), at most every `seconds`. NULL: no longer. Main thread. */
void tec_phase_on_tick(void (*hook)(void *), void *context, double seconds);

/* Within a phase: this process waits for the other ranks in `call` (a string that stays: "MPI_Barrier"), or, with NULL,
 * no longer. */
void tec_phase_wait(const char *call);

typedef struct tec_phase_view {
    tec_phase phase;
    const char *name;   /* "waiting for data" */
    double patience;    /* this many times the usual limit before it is suspect, */
    double most;        /* and at most so many seconds */
    const char *call;   /* in which it waits for the other ranks; NULL: it does not */
    unsigned long life; /* signs of life so far */
} tec_phase_view;
tec_phase_view tec_phase_look(void);

#endif
