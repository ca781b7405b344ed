/* The handler of SIGTERM and SIGUSR1. */
#include "tec/stop.h"

#include <signal.h>

static volatile sig_atomic_t asked, urgent;

static void note_signal(int number)
{
    asked = 1;
    if (number == SIGTERM)
        urgent = 1;
}

void tec_stop_catch(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

bool tec_stop_asked(void)
{
    return asked;
}

bool tec_stop_urgent(void)
{
    return urgent;
}
