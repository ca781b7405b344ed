/* Which products were computed while a thread measured, how often and for how long. */
#include "product.h"

#include <string.h>

/* Kinds in the order of their first call, found again by open addressing; the last one takes those that have no
 * room. */
static _Thread_local tec_gemm_kind kinds[TEC_GEMM_KINDS + 1];
static _Thread_local short place[2 * TEC_GEMM_KINDS]; /* 1 + number of a kind; 0: free */
static _Thread_local int kind_count;
static _Thread_local double flops;

static bool is_kind(const tec_gemm_kind *kind, const product *p)
{
    return kind->m == p->m && kind->n == p->n && kind->k == p->k && kind->a == p->a.transpose &&
           kind->b == p->b.transpose;
}

static tec_gemm_kind *find_kind(const product *p)
{
    unsigned slots = sizeof place / sizeof *place, transposes = 2 * p->a.transpose + p->b.transpose;
    unsigned at = (unsigned)p->m * 73856093u ^ (unsigned)p->n * 19349663u ^ (unsigned)p->k * 83492791u ^ transposes;
    for (at %= slots; place[at]; at = (at + 1) % slots)
        if (is_kind(&kinds[place[at] - 1], p))
            return &kinds[place[at] - 1];
    if (kind_count == TEC_GEMM_KINDS)
        return &kinds[TEC_GEMM_KINDS];
    tec_gemm_kind *kind = &kinds[kind_count++];
    place[at] = (short)kind_count;
    *kind = (tec_gemm_kind){.m = p->m, .n = p->n, .k = p->k, .a = p->a.transpose, .b = p->b.transpose};
    return kind;
}

void tec_product_count(const product *p, double seconds)
{
    tec_gemm_kind *kind = find_kind(p);
    kind->calls++;
    kind->seconds += seconds;
    flops += 2.0 * p->m * p->n * p->k;
}

int tec_gemm_measured(const tec_gemm_kind **out)
{
    *out = kinds;
    return kind_count + (kinds[TEC_GEMM_KINDS].calls > 0);
}

void tec_gemm_forget(void)
{
    memset(kinds, 0, sizeof kinds);
    memset(place, 0, sizeof place);
    kind_count = 0;
    flops = 0;
}

double tec_gemm_flops(void)
{
    return flops;
}
