/* A thread that takes naps, and ends all ranks when the main thread shows no sign of life for too long. */
#include "tec/watchdog.h"

#include "comm_mpi.h"
#include "hosts.h"

#include "tec/clock.h"
#include "tec/environment.h"
#include "tec/log.h"
#include "tec/minmax.h"
#include "tec/phase.h"
#include "tec/stop.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENOUGH 4         /* a phase may take so many times the longest one so far */
#define AFTER_TERM 20    /* seconds: Slurm sends SIGKILL half a minute after SIGTERM by default */
#define ABORT_SECONDS 20 /* until this process ends if MPI_Abort hangs */

/* Until the ranks are connected none can tell another one to keep silent: the first to speak leaves the others some
 * time, and of the ranks of a node only the first one speaks so early. */
#define GRACE 2

/* One per process. `lock` guards `ending`. */
static struct {
    tec_comm comm;   /* .world NULL: not known yet */
    double limit;    /* seconds */
    long local_rank; /* of the node; 0: the first, or not known */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t end;
    bool running, ending;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Are the ranks not connected yet? */
static bool is_early(const tec_phase_view *view)
{
    return view->phase == TEC_PHASE_MPI || view->phase == TEC_PHASE_CONNECT;
}

static long local_rank(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PALS_LOCAL_RANKID",
                                            "SLURM_LOCALID"};
    long number;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if ((number = tec_environment_number(variables[i])) >= 0)
            return number;
    return 0;
}

/* How many seconds may pass without a sign of life; `longest`: the most that have passed so far. */
static double allowed(const tec_phase_view *view, double longest)
{
    double seen = ENOUGH * longest;
    double most = tec_max_double(tec_min_double(dog.limit * view->patience, view->most), seen);
    if (tec_stop_urgent() && view->patience == 1 && tec_max_double(AFTER_TERM, seen) < most)
        most = tec_max_double(AFTER_TERM, seen);
    if (is_early(view))
        return most + (dog.local_rank > 0 ? 2 * GRACE : 0);
    /* The first to speak ends all: first ranks that may be the cause, then the waiting ones, one after the other. */
    int turn = tec_min_int(dog.comm.rank, 50);
    return view->call ? 1.1 * most + 0.2 * turn : most;
}

static double nap_of(const tec_phase_view *view)
{
    return tec_min_double(dog.limit / 20, is_early(view) ? 0.5 : 5);
}

/* What a rank can say about the others. Without tec_string_format: whoever hangs may hold the lock of malloc. */
static void suspect(const tec_phase_view *view, char *text, size_t size)
{
    char hosts[400];
    text[0] = '\0';
    if (!view->call)
        return;
    size_t length =
        (size_t)snprintf(text, size, ", waiting for the other ranks in %s: one of them hangs or has died", view->call);
    if (tec_hosts_list(dog.comm.world ? &dog.comm : NULL, hosts, sizeof hosts) && length < size)
        snprintf(
            text + length, size - length,
            ", or MPI has chosen a network that does not join the hosts %s, such as Docker's (then name the right one: "
            "mpirun --mca btl_tcp_if_include NETWORK)",
            hosts);
}

static void bark(const tec_phase_view *view, double idle)
{
    tec_host host;
    char time[32], suspicion[800];
    tec_host_mine(host);
    suspect(view, suspicion, sizeof suspicion);
    tec_fail(TEC_SYSTEM_ERROR, "on host %s: no progress for %s while %s%s; all ranks are ended (run.watchdog_minutes)",
             host, tec_duration(time, idle), view->name, suspicion);
    tec_log_error(dog.comm.world || view->phase == TEC_PHASE_CONNECT ? tec_world_rank() : -1, tec_error_message());
    if (is_early(view))
        nanosleep(&(struct timespec){.tv_sec = GRACE}, NULL);
    /* MPI_Abort is called from a second thread, and the first may hold any lock: the alarm ends this process anyway. */
    signal(SIGALRM, SIG_DFL);
    alarm(ABORT_SECONDS);
    tec_world_end(TEC_SYSTEM_ERROR);
}

/* Waits for `seconds`. Returns false as soon as the watchdog is to end. */
static bool doze(double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + (long)(1e9 * (seconds - (double)(long)seconds));
    until.tv_sec += (time_t)seconds + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&dog.lock);
    while (!dog.ending && pthread_cond_timedwait(&dog.end, &dog.lock, &until) == 0) {
    }
    bool goes_on = !dog.ending;
    pthread_mutex_unlock(&dog.lock);
    return goes_on;
}

/* Time is counted in naps: if one took much longer than requested, this whole process had been stopped. */
static void *watch(void *unused)
{
    tec_phase_view view = tec_phase_look();
    unsigned long life = 0;
    double idle = 0, longest = 0, before = tec_seconds(), nap = nap_of(&view);
    while (doze(nap)) {
        view = tec_phase_look();
        double now = tec_seconds(), took = now - before;
        if (view.life != life) {
            longest = tec_max_double(longest, idle);
            idle = 0;
        } else {
            idle += took < 2 * nap ? took : nap;
        }
        life = view.life;
        before = now;
        if (idle > allowed(&view, longest))
            bark(&view, idle);
        nap = nap_of(&view);
    }
    return unused;
}

static void start(double minutes)
{
    sigset_t all, before;
    pthread_condattr_t clock;
    if (minutes <= 0)
        return;
    dog.limit = 60 * minutes;
    dog.local_rank = local_rank(); /* not on its thread: MPI_Init changes the environment meanwhile */
    dog.ending = false;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.end, &clock);
    pthread_condattr_destroy(&clock);
    /* The main thread handles all signals. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&dog.thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    dog.running = failed == 0;
    if (failed)
        tec_warn("the watchdog cannot be started: %s; a rank that hangs will not be noticed", strerror(failed));
}

void tec_watchdog_start(double minutes)
{
    tec_comm_local(&dog.comm);
    start(minutes);
}

void tec_watchdog_change(const tec_comm *comm, double minutes)
{
    tec_watchdog_end();
    dog.comm = *comm;
    start(minutes);
}

void tec_watchdog_end(void)
{
    if (!dog.running)
        return;
    pthread_mutex_lock(&dog.lock);
    dog.ending = true;
    pthread_cond_signal(&dog.end);
    pthread_mutex_unlock(&dog.lock);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.end);
    dog.running = false;
}
