/* What the environment says. */
#include "tec/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tec_host_mine(tec_host name)
{
    memset(name, 0, sizeof(tec_host));
    if (gethostname(name, sizeof(tec_host) - 1) != 0 || !*name)
        strcpy(name, "localhost");
}

long tec_environment_number(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text)
        return -1;
    errno = 0;
    long value = strtol(text, &end, 10);
    return *end || value < 0 || errno ? -1 : value;
}
