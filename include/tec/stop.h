/* How a process is asked to end before its work is done: by SIGTERM or SIGUSR1. Local. */
#ifndef TEC_STOP_H
#define TEC_STOP_H

#include <stdbool.h>

/* From now on these signals are noted and no longer end the process. */
void tec_stop_catch(void);

/* Has one come? */
bool tec_stop_asked(void);

/* Has SIGTERM come, which is as a rule followed by SIGKILL? */
bool tec_stop_urgent(void);

#endif
