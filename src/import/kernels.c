/* Matrices as JAX has them: inputs first, and queries, keys and values of every head apart. */
#include "import_parts.h"

#include "tec/text.h"

#include <string.h>

/* A kernel as [A, C, O]: of the patch embedding A rows and columns, C channels; of a matrix A inputs, C 1. O outputs. */
typedef struct kernel_shape {
    int64_t A, C, O;
} kernel_shape;

static int64_t product(const tec_tensor *t, int begin, int end)
{
    int64_t count = 1;
    for (int i = begin; i < end; i++)
        count *= t->dim[i];
    return count;
}

/* False: it is no kernel. Of queries, keys and values all dimensions but the first are outputs, [D, H, D / H]; of the
 * others, such as the projection [H, D / H, D], the last. */
static bool measure(const char *ours, const tec_tensor *t, kernel_shape *out)
{
    const bool parts = tec_string_ends_with(ours, ".attn.qkv.weight");
    const int inputs = parts ? 1 : t->dims - 1;
    if (t->dims < 2 || !tec_string_ends_with(ours, ".weight"))
        return false;
    if (strcmp(ours, "patch_embed.proj.weight") == 0 && t->dims == 4)
        *out = (kernel_shape){t->dim[0] * t->dim[1], t->dim[2], t->dim[3]};
    else
        *out = (kernel_shape){product(t, 0, inputs), 1, product(t, inputs, t->dims)};
    return true;
}

void tec_import_kernel_shape(const char *ours, tec_tensor *t)
{
    kernel_shape k;
    if (!measure(ours, t, &k)) {
        if (tec_string_ends_with(ours, ".attn.qkv.bias")) { /* [H, D / H] */
            t->dims = 1;
            t->dim[0] = t->count;
        }
    } else if (k.C == 1 && t->dims != 4) {
        t->dims = 2;
        t->dim[0] = k.O;
        t->dim[1] = k.A;
    } else {
        const int64_t height = t->dim[0], width = t->dim[1];
        memcpy(t->dim, (int64_t[]){k.O, k.C, height, width}, 4 * sizeof *t->dim);
    }
}

bool tec_import_kernel_values(const char *ours, const tec_tensor *stored, const real *in, real *out)
{
    kernel_shape k;
    if (!measure(ours, stored, &k))
        return false;
    for (int64_t a = 0; a < k.A; a++)
        for (int64_t c = 0; c < k.C; c++)
            for (int64_t o = 0; o < k.O; o++)
                out[(o * k.C + c) * k.A + a] = in[(a * k.C + c) * k.O + o];
    return true;
}
