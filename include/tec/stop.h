/* Module base, public. A process is asked to end early by SIGTERM, SIGUSR1 or SIGINT (Ctrl-C). Local. */
#ifndef TEC_STOP_H
#define TEC_STOP_H

#include <stdbool.h>

/* From now on these signals are only recorded and no longer end the process, except for a second SIGINT. The first one
 * is answered by a line on stderr at once. */
void tec_stop_catch(void);

/* Has any of them arrived? */
bool tec_stop_asked(void);

/* Has SIGTERM arrived? It is usually followed by SIGKILL. */
bool tec_stop_urgent(void);

#endif
