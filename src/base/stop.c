/* The handlers of SIGTERM, SIGUSR1 and SIGINT. */
#include "tec/stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t asked, urgent;

static void note_signal(int number)
{
    asked = 1;
    if (number == SIGTERM)
        urgent = 1;
}

/* A step may take minutes: whoever has pressed Ctrl-C should not have to guess whether it was heard. The handler is
 * removed by then, so that the next one ends the process. */
static void note_interrupt(int number)
{
    static const char message[] =
        "tec: interrupted: stopping as soon as nothing is lost by it; a second Ctrl-C ends the program at once\n";
    int kept = errno;
    note_signal(number);
    if (isatty(STDERR_FILENO))
        (void)!write(STDERR_FILENO, "\n", 1);
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    errno = kept;
}

/* A process in the background of a script is told to ignore Ctrl-C, and goes on doing so. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND}, now;
    sigemptyset(&action.sa_mask);
    if (!asked && sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(SIGINT, &action, NULL);
}

void tec_stop_catch(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    catch_interrupt();
}

bool tec_stop_asked(void)
{
    return asked;
}

bool tec_stop_urgent(void)
{
    return urgent;
}
