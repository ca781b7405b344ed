#include "tec/skipped.h"

#include "tec/log.h"

#include <stdlib.h>
#include <string.h>

void tec_skipped_note(tec_skipped *s, int64_t sample, const char *message)
{
    for (int64_t i = 0; i < s->count; i++)
        if (s->sample[i] == sample)
            return;
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 16;
        int64_t *samples = tec_allocate(s->capacity * sizeof *samples);
        char **messages = tec_allocate(s->capacity * sizeof *messages);
        if (s->count) {
            memcpy(samples, s->sample, s->count * sizeof *samples);
            memcpy(messages, s->message, s->count * sizeof *messages);
        }
        free(s->sample);
        free(s->message);
        s->sample = samples;
        s->message = messages;
    }
    s->sample[s->count] = sample;
    s->message[s->count++] = tec_string_format("%s", message);
}

/* All messages of this rank, each with a newline. */
static char *joined(const tec_skipped *s, size_t *bytes)
{
    *bytes = 0;
    for (int64_t i = 0; i < s->count; i++)
        *bytes += strlen(s->message[i]) + 1;
    char *text = tec_allocate(*bytes + 1), *end = text;
    for (int64_t i = 0; i < s->count; i++) {
        end = stpcpy(end, s->message[i]);
        *end++ = '\n';
    }
    *end = 0;
    return text;
}

int64_t tec_skipped_report(const tec_skipped *s, const tec_comm *comm, const char *what)
{
    int64_t total = s->count;
    tec_comm_sum_int64(comm, &total, 1);
    if (total == 0)
        return 0;
    tec_warn("%lld images of %s could not be decoded and were left out:", (long long)total, what);
    for (int rank = 0; rank < comm->size; rank++) {
        char *text = NULL, *rest = NULL;
        size_t bytes = 0;
        if (rank == comm->rank)
            text = joined(s, &bytes);
        tec_comm_share_text(comm, &text, &bytes, rank);
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            tec_warn("%s", line);
        free(text);
    }
    return total;
}

void tec_skipped_free(tec_skipped *s)
{
    for (int64_t i = 0; i < s->count; i++)
        free(s->message[i]);
    free(s->message);
    free(s->sample);
    *s = (tec_skipped){0};
}
