/* Module base, public. A process is asked to end early by SIGTERM or SIGUSR1. Local. */
#ifndef TEC_STOP_H
#define TEC_STOP_H

#include <stdbool.h>

/* From now on these signals are only recorded and no longer end the process. */
void tec_stop_catch(void);

/* Has either signal arrived? */
bool tec_stop_asked(void);

/* Has SIGTERM arrived? It is usually followed by SIGKILL. */
bool tec_stop_urgent(void);

#endif
