/* Messages and progress lines on stderr. */
#include "tec/log.h"

#include "tec/clock.h"
#include "tec/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE 2048
#define REDRAW_SECONDS 0.1
#define BAR 20 /* characters */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool enabled = true;

/* The progress line: its last text, whether that has been shown, and when one was. */
static struct {
    char text[LINE];
    double share; /* done; < 0: not known */
    bool running, unseen, drawn;
    double shown_at;
} progress;

void tec_log_enable(bool on)
{
    enabled = on;
}

/* One write per message, so that the lines of several ranks do not mix. A lost message is not a failure. */
static void write_line(const char *head, const char *text, const char *tail)
{
    char line[LINE + 64];
    int length = snprintf(line, sizeof line, "%s%.*s%s", head, LINE - 1, text, tail);
    ssize_t written = write(STDERR_FILENO, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    (void)written;
}

static void clear_redrawn_line(void)
{
    if (progress.drawn)
        write_line("\r\033[K", "", "");
    progress.drawn = false;
}

static void say(const char *head, const char *format, va_list args)
{
    char text[LINE];
    if (vsnprintf(text, sizeof text, format, args) < 0)
        return;
    pthread_mutex_lock(&lock);
    clear_redrawn_line();
    write_line(head, tec_string_printable(text), "\n");
    pthread_mutex_unlock(&lock);
}

void tec_log(const char *format, ...)
{
    if (!enabled)
        return;
    va_list args;
    va_start(args, format);
    say("tec: ", format, args);
    va_end(args);
}

void tec_warn(const char *format, ...)
{
    if (!enabled)
        return;
    va_list args;
    va_start(args, format);
    say("tec: warning: ", format, args);
    va_end(args);
}

void tec_log_error(int rank, const char *message)
{
    char head[64] = "tec: error: ";
    if (rank >= 0)
        snprintf(head, sizeof head, "tec: error: rank %d: ", rank);
    pthread_mutex_lock(&lock);
    clear_redrawn_line();
    write_line(head, message, "\n");
    pthread_mutex_unlock(&lock);
}

/* "[#####...............] ", or nothing where the share is not known. */
static const char *bar(char text[BAR + 4])
{
    const int full = progress.share < 1 ? (int)(BAR * progress.share) : BAR;
    text[0] = '\0';
    if (progress.share < 0)
        return text;
    text[0] = '[';
    memset(text + 1, '.', BAR);
    memset(text + 1, '#', (size_t)full);
    memcpy(text + 1 + BAR, "] ", sizeof "] ");
    return text;
}

/* A line that wraps cannot be redrawn: it is cut to the terminal's width. */
static void redraw(void)
{
    char text[LINE + BAR], head[BAR + 4];
    struct winsize window;
    size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1u : 79;
    snprintf(text, sizeof text, "%s%s", bar(head), progress.text);
    if (width < sizeof text)
        text[width] = '\0';
    write_line("\r", text, "\033[K");
    progress.drawn = true;
}

static void show_progress(bool terminal)
{
    if (terminal)
        redraw();
    else
        write_line("tec: ", progress.text, "\n");
    progress.unseen = false;
    progress.shown_at = tec_seconds();
}

static void progress_of(double interval, double share, const char *format, va_list args)
{
    bool terminal = isatty(STDERR_FILENO);
    pthread_mutex_lock(&lock);
    progress.share = share;
    if (vsnprintf(progress.text, sizeof progress.text, format, args) >= 0) {
        tec_string_printable(progress.text);
        progress.unseen = true;
        if (!progress.running || tec_seconds() - progress.shown_at >= (terminal ? REDRAW_SECONDS : interval))
            show_progress(terminal);
        progress.running = true;
    }
    pthread_mutex_unlock(&lock);
}

void tec_progress(double interval, const char *format, ...)
{
    if (!enabled)
        return;
    va_list args;
    va_start(args, format);
    progress_of(interval, -1, format, args);
    va_end(args);
}

void tec_progress_share(double interval, double share, const char *format, ...)
{
    if (!enabled)
        return;
    va_list args;
    va_start(args, format);
    progress_of(interval, share, format, args);
    va_end(args);
}

void tec_progress_count(const char *what, const char *unit, int64_t done, int64_t total, double started)
{
    const double seconds = tec_seconds() - started, rate = seconds > 0 ? (double)done / seconds : 0;
    char left[32];
    tec_progress_share(TEC_PROGRESS_SECONDS, (double)done / (double)total, "%s: %lld of %lld %s, %.*f %s/s, %s left",
                       what, (long long)done, (long long)total, unit, rate < 10 ? 2 : rate < 100, rate, unit,
                       tec_duration(left, (double)(total - done) / rate));
}

void tec_progress_end(void)
{
    bool terminal = isatty(STDERR_FILENO);
    pthread_mutex_lock(&lock);
    if (progress.running && progress.unseen)
        show_progress(terminal);
    if (progress.drawn)
        write_line("\n", "", "");
    progress.running = progress.unseen = progress.drawn = false;
    pthread_mutex_unlock(&lock);
}
