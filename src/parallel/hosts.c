/* The names of the hosts of a job. */
#include "hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 8 /* names in a list */

/* Is it among the hosts of the ranks before this one? Ranks of a host are mostly neighbours. */
static bool is_new(const tec_comm *comm, int rank)
{
    for (int other = rank - 1; other >= 0; other--)
        if (!strcmp(tec_comm_host(comm, other), tec_comm_host(comm, rank)))
            return false;
    return true;
}

static int list_known(const tec_comm *comm, char *text, size_t size)
{
    int hosts = 0;
    size_t length = 0;
    for (int rank = 0; rank < comm->size && hosts <= MOST && length < size; rank++) {
        if (!is_new(comm, rank))
            continue;
        const char *name = hosts < MOST ? tec_comm_host(comm, rank) : "...";
        length += (size_t)snprintf(text + length, size - length, "%s%s", hosts ? ", " : "", name);
        hosts++;
    }
    return hosts;
}

/* Open MPI's "n[3:1-3]@0(3)" without the widths, "n[1-3]", and "n-[5:24595]-0" as "n-24595-0". */
static void copy_expression(const char *expression, char *text, size_t size)
{
    size_t length = 0;
    for (const char *c = expression; *c && *c != '@' && length + 1 < size; c++) {
        int width = 0, number = 0, end = 0;
        sscanf(c, "[%*d:%n%*d]%n", &width, &end);
        number = width && end ? end - 1 - width : 0;
        if (number > 0 && length + (size_t)number < size) {
            memcpy(text + length, c + width, (size_t)number);
            length += (size_t)number;
            c += end - 1;
            continue;
        }
        text[length++] = *c;
        c += width ? width - 1 : 0;
    }
    text[length] = '\0';
}

bool tec_hosts_list(const tec_comm *comm, char *text, size_t size)
{
    static const char *const variables[] = {"OMPI_MCA_orte_node_regex", "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"};
    snprintf(text, size, "of this job");
    for (size_t i = 0; !comm && i < sizeof variables / sizeof *variables; i++)
        if (getenv(variables[i])) {
            copy_expression(getenv(variables[i]), text, size);
            break;
        }
    if (comm ? list_known(comm, text, size) > 1 : !!strpbrk(text, ",[ "))
        return true;
    text[0] = '\0';
    return false;
}
