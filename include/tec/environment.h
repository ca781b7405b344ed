/* Module base, public. What the environment says: this host's name, and numbers that launchers and schedulers set. Local;
 * nothing here allocates memory. */
#ifndef TEC_ENVIRONMENT_H
#define TEC_ENVIRONMENT_H

#include <limits.h>

typedef char tec_host[HOST_NAME_MAX + 1];

/* The name of this host, as gethostname says, filled up with 0; "localhost" if it has none. */
void tec_host_mine(tec_host name);

/* The whole number that a variable holds; -1: it is not set, or holds something else. */
long tec_environment_number(const char *variable);

#endif
