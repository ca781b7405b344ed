/* What the main thread of this process is doing, as its watchdog sees it. Entering a phase, also the same once more, is
 * a sign of life. Written by the main thread, read by any. Local. */
#ifndef TEC_PHASE_H
#define TEC_PHASE_H

#include <stdbool.h>

typedef enum tec_phase {
    TEC_PHASE_START,   /* settings, data sets, models, stores */
    TEC_PHASE_STAGE,   /* copying files to a disk of the node */
    TEC_PHASE_COMPUTE, /* whatever else */
    TEC_PHASE_DATA,    /* waiting for images or targets */
    TEC_PHASE_SAVE     /* writing a checkpoint or the end of a store */
} tec_phase;

/* Returns the phase before. */
tec_phase tec_phase_enter(tec_phase phase);

/* Inside a phase: this process now waits for the other ranks, or does no more. */
void tec_phase_wait(bool waiting);

typedef struct tec_phase_view {
    const char *name;   /* "waiting for data" */
    double patience;    /* how many times longer than usual it may take without being suspect */
    bool waiting;       /* for the other ranks */
    unsigned long life; /* signs of life so far */
} tec_phase_view;
tec_phase_view tec_phase_look(void);

#endif
