/* Vision Transformer, TEC and MAE in plain loops of doubles. */
#include "reference.h"

#include "gradient.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const tec_param *find(const tec_params *params, const char *name, const char *end)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s", name, end);
    const tec_param *p = tec_params_find(params, full);
    assert(p && "no such tensor");
    return p;
}

const real *reference_tensor(const tec_params *params, const char *name)
{
    return params->weight + find(params, name, "")->offset;
}

double *reference_linear(const tec_params *params, const char *name, const double *x, int R, int I)
{
    const tec_param *p = find(params, name, ".weight");
    const real *weight = params->weight + p->offset, *bias = params->weight + find(params, name, ".bias")->offset;
    int O = p->dim[0];
    double *y = doubles(R * O);
    for (int r = 0; r < R; r++)
        for (int o = 0; o < O; o++) {
            y[r * O + o] = bias[o];
            for (int i = 0; i < I; i++)
                y[r * O + o] += x[r * I + i] * weight[o * I + i];
        }
    return y;
}

double *reference_norm(const tec_params *params, const char *name, const double *x, int R, int D, double eps)
{
    const real *weight = params->weight + find(params, name, ".weight")->offset;
    const real *bias = params->weight + find(params, name, ".bias")->offset;
    double *y = doubles(R * D);
    for (int r = 0; r < R; r++) {
        double mean = 0, variance = 0;
        for (int d = 0; d < D; d++)
            mean += x[r * D + d] / D;
        for (int d = 0; d < D; d++)
            variance += (x[r * D + d] - mean) * (x[r * D + d] - mean) / D;
        for (int d = 0; d < D; d++)
            y[r * D + d] = (x[r * D + d] - mean) / sqrt(variance + eps) * weight[d] + bias[d];
    }
    return y;
}

double *reference_mlp(const tec_params *params, const char *name, const double *x, int R, int D)
{
    char part[96];
    int hidden = find(params, name, ".fc1.weight")->dim[0];
    snprintf(part, sizeof part, "%s.fc1", name);
    double *u = reference_linear(params, part, x, R, D);
    for (int i = 0; i < R * hidden; i++)
        u[i] *= 0.5 * (1 + erf(u[i] / sqrt(2)));
    snprintf(part, sizeof part, "%s.fc2", name);
    return reference_linear(params, part, u, R, hidden);
}

static void softmax(double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp(x[i]);
    for (int i = 0; i < n; i++)
        x[i] = exp(x[i]) / sum;
}

/* qkv [N, 3 D] -> [N, D] */
static double *attend(const double *qkv, int N, int D, int H, double *logit)
{
    int width = D / H;
    double *out = doubles(N * D), *weight = doubles(N);
    for (int h = 0; h < H; h++)
        for (int i = 0; i < N; i++) {
            const double *q = qkv + i * 3 * D + h * width;
            for (int j = 0; j < N; j++)
                weight[j] = dot(q, qkv + j * 3 * D + D + h * width, width) / sqrt(width);
            if (logit)
                memcpy(logit + (h * N + i) * N, weight, (size_t)N * sizeof *weight);
            softmax(weight, N);
            for (int d = 0; d < width; d++)
                for (int j = 0; j < N; j++)
                    out[i * D + h * width + d] += weight[j] * qkv[j * 3 * D + 2 * D + h * width + d];
        }
    return out;
}

static double *sum(const double *a, const double *b, int n)
{
    double *out = doubles(n);
    for (int i = 0; i < n; i++)
        out[i] = a[i] + b[i];
    return out;
}

double *reference_block_of(const tec_params *params, tec_block_form form, const char *name, const double *x, int N,
                           int D, int H, double *logit)
{
    char part[5][96];
    static const char *const parts[5] = {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp"};
    const bool behind = form == TEC_BLOCK_POST_NORM;
    for (int i = 0; i < 5; i++)
        snprintf(part[i], sizeof part[i], "%s.%s", name, parts[i]);
    const double *in = behind ? x : reference_norm(params, part[0], x, N, D, 1e-6);
    double *qkv = reference_linear(params, part[1], in, N, D);
    double *branch = reference_linear(params, part[2], attend(qkv, N, D, H, logit), N, D);
    if (form == TEC_BLOCK_PARALLEL)
        return sum(sum(x, branch, N * D), reference_mlp(params, part[4], in, N, D), N * D);
    const double *middle = sum(x, behind ? reference_norm(params, part[0], branch, N, D, 1e-6) : branch, N * D);
    in = behind ? middle : reference_norm(params, part[3], middle, N, D, 1e-6);
    branch = reference_mlp(params, part[4], in, N, D);
    return sum(middle, behind ? reference_norm(params, part[3], branch, N, D, 1e-6) : branch, N * D);
}

double *reference_block(const tec_params *params, const char *name, const double *x, int N, int D, int H, double *logit)
{
    return reference_block_of(params, TEC_BLOCK_PRE_NORM, name, x, N, D, H, logit);
}

double *reference_tokens(const tec_params *params, const tec_model_config *c, const double *class_row,
                         const real *image, const int *keep, int n)
{
    int D = c->width, H = c->image_size.height, W = c->image_size.width, p = c->patch, pixels = c->channels * p * p,
        at = 0, P = class_row != NULL;
    const real *position = reference_tensor(params, "pos_embed");
    double *patch = doubles(n * pixels), *x = doubles((P + n) * D);
    for (int i = 0; i < n; i++)
        for (int channel = 0; channel < c->channels; channel++)
            for (int row = 0; row < p; row++)
                for (int column = 0; column < p; column++)
                    patch[at++] =
                        image[(channel * H + keep[i] / (W / p) * p + row) * W + keep[i] % (W / p) * p + column];
    double *embedded = reference_linear(params, "patch_embed.proj", patch, n, pixels);
    for (int d = 0; d < D; d++) {
        if (class_row)
            x[d] = class_row[d] + position[d];
        for (int i = 0; i < n; i++)
            x[(P + i) * D + d] = embedded[i * D + d] + position[(P + keep[i]) * D + d];
    }
    return x;
}

/* ---- decoders and losses ---- */

/* Blocks NAME.0 .. NAME.depth-1. each [depth * N * D]: the outputs side by side, as the encoder adaptor sees them, or
 * NULL. */
static double *blocks(const tec_params *params, const char *name, const double *x, int N, int D, int H, int depth,
                      double *each)
{
    char block[64];
    double *out = NULL;
    for (int i = 0; i < depth; i++) {
        snprintf(block, sizeof block, "%s.%d", name, i);
        x = out = reference_block(params, block, x, N, D, H, NULL);
        if (i + 1 == depth && each)
            out = reference_norm(params, "norm", out, N, D, 1e-6);
        for (int n = 0; n < N && each; n++)
            memcpy(each + (n * depth + i) * D, out + n * D, (size_t)D * sizeof *out);
    }
    return out;
}

/* NAME of a tensor that only one base model or decoder has. */
static const char *own(const char *prefix, const char *name)
{
    static char full[4][96];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(full[turn], sizeof full[turn], "%s%s", prefix, name);
    return full[turn];
}

static double *encoder_adaptor(const tec_params *params, const tec_model_config *c, const char *base,
                               const double *each, int N)
{
    int D = c->width, all = D * c->depth, part = all / c->groups;
    const double *normed = reference_norm(params, own(base, "encoder_adaptor.adap_before"), each, N, all, 1e-5);
    double *total = doubles(N * D);
    for (int g = 0; g < c->groups; g++) {
        char fuse[64], mlp[64];
        double *x = doubles(N * part);
        snprintf(fuse, sizeof fuse, "%sencoder_adaptor.fuse_fcs.%d", base, g);
        snprintf(mlp, sizeof mlp, "%sencoder_adaptor.adap_mlps.%d", base, g);
        for (int n = 0; n < N; n++)
            memcpy(x + n * part, normed + n * all + g * part, (size_t)part * sizeof *x);
        double *fused = reference_linear(params, fuse, x, N, part);
        total = sum(total, sum(fused, reference_mlp(params, mlp, fused, N, D), N * D), N * D);
    }
    return reference_norm(params, own(base, "encoder_adaptor.adap_after"), total, N, D, 1e-5);
}

/* z [1 + V, D] -> predictions of `head` by token [1 + L, ...], patches in their own order */
static double *decode(const tec_params *params, const tec_model_config *c, const char *base, const char *decoder,
                      const char *head, const double *z, const int *shuffle, int V)
{
    int W = c->decoder_width, L = tec_model_patches(c);
    char prefix[48];
    snprintf(prefix, sizeof prefix, "%s%s", base, decoder);
    const double *embedded = reference_linear(params, own(prefix, "decoder_embed"), z, 1 + V, c->width);
    const real *mask = reference_tensor(params, own(prefix, "mask_token")),
               *position = reference_tensor(params, own(base, "decoder_pos_embed"));
    double *x = doubles((1 + L) * W);
    for (int d = 0; d < W; d++) {
        x[d] = embedded[d] + position[d];
        for (int l = 0; l < L; l++)
            x[(1 + shuffle[l]) * W + d] =
                (l < V ? embedded[(1 + l) * W + d] : mask[d]) + position[(1 + shuffle[l]) * W + d];
    }
    x = blocks(params, own(base, "decoder_blocks"), x, 1 + L, W, c->decoder_heads, c->decoder_depth, NULL);
    x = reference_norm(params, own(prefix, "decoder_norm"), x, 1 + L, W, 1e-6);
    return reference_linear(params, own(prefix, head), x, 1 + L, W);
}

/* pred, target [L, n]: over the hidden patches. */
static double mean_square(const double *pred, const double *target, int n, const int *shuffle, int V, int L)
{
    double total = 0;
    for (int l = V; l < L; l++)
        for (int i = 0; i < n; i++) {
            double difference = pred[shuffle[l] * n + i] - target[shuffle[l] * n + i];
            total += difference * difference / ((L - V) * n);
        }
    return total;
}

static double attention_loss(const tec_model_config *c, int base, const double *qk, const tec_example *example, int K)
{
    const tec_base_targets targets = tec_example_targets(example, base);
    int C = tec_model_base(c, base).width, H = tec_model_base(c, base).heads, width = C / H, L = tec_model_patches(c);
    double *logit = doubles(L), *wanted = doubles(L), total = 0;
    for (int i = 0; i <= K; i++)
        for (int h = 0; h < H; h++) {
            const double *q = qk + (i ? 1 + targets.topk[i - 1] : 0) * 2 * C + h * width;
            double norm = 0;
            for (int l = 0; l < L; l++) {
                logit[l] = dot(q, qk + (1 + l) * 2 * C + C + h * width, width) / sqrt(C);
                wanted[l] = targets.attention[(i * H + h) * L + l] / c->attention_tau;
                norm += exp(logit[l]);
            }
            softmax(wanted, L);
            for (int l = 0; l < L; l++)
                total -= wanted[l] * (logit[l] - log(norm)) / ((1 + K) * H);
        }
    return total;
}

static double *pixels(const tec_model_config *c, const real *image)
{
    int H = c->image_size.height, W = c->image_size.width, p = c->patch, L = H / p * (W / p), n = p * p * c->channels;
    double *out = doubles(L * n);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int channel = 0; channel < c->channels; channel++)
                out[(y / p * (W / p) + x / p) * n + (y % p * p + x % p) * c->channels + channel] =
                    image[(channel * H + y) * W + x];
    for (int l = 0; l < L && c->norm_pix; l++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < n; i++)
            mean += out[l * n + i] / n;
        for (int i = 0; i < n; i++)
            variance += (out[l * n + i] - mean) * (out[l * n + i] - mean) / (n - 1);
        for (int i = 0; i < n; i++)
            out[l * n + i] = (out[l * n + i] - mean) / sqrt(variance + 1e-6);
    }
    return out;
}

/* The losses behind the encoder, of one base model. each: the outputs of all blocks side by side; z: of the last. */
static void base_losses(const tec_params *params, const tec_model_config *c, int base, const double *each,
                        const double *z, const tec_example *example, int V, int K, double loss[2])
{
    char prefix[16] = "";
    const int L = tec_model_patches(c), n = tec_model_base(c, base).width, *shuffle = example->shuffle;
    const tec_base_targets targets = tec_example_targets(example, base);
    if (!targets.feature)
        return;
    if (base > 0)
        snprintf(prefix, sizeof prefix, "base%d.", base + 1);
    if (tec_model_has_adaptors(c))
        z = encoder_adaptor(params, c, prefix, each, 1 + V);
    const double *pred = decode(params, c, prefix, "forward_fea_decoder.", "decoder_pred", z, shuffle, V) + n;
    loss[0] = mean_square(pred, widened(targets.feature, L * n), n, shuffle, V, L);
    if (c->predict_attention)
        loss[1] = attention_loss(
            c, base, decode(params, c, prefix, "forward_att_decoder.", "decoder_qk", z, shuffle, V), example, K);
}

void reference_losses(const tec_params *params, const tec_model_config *c, const tec_example *example, int V, int K,
                      double *loss)
{
    int D = c->width, L = tec_model_patches(c), n = c->patch * c->patch * c->channels;
    const double *class_row = widened(reference_tensor(params, "cls_token"), D);
    if (tec_model_has_adaptors(c))
        class_row = reference_mlp(params, "cls_token_mlp", class_row, 1, D);
    double *x = reference_tokens(params, c, class_row, example->image, example->shuffle, V);
    double *each = doubles((1 + V) * D * c->depth);
    const double *z = blocks(params, "blocks", x, 1 + V, D, c->heads, c->depth, each);
    memset(loss, 0, TEC_MAX_LOSSES * sizeof *loss);
    for (int i = 0; c->kind == TEC_MODEL_TEC && i < tec_model_bases(c); i++)
        base_losses(params, c, i, each, z, example, V, K, loss + 2 * i);
    if (c->kind != TEC_MODEL_TEC)
        loss[0] = mean_square(decode(params, c, "", "", "decoder_pred", z, example->shuffle, V) + n,
                              pixels(c, example->image), n, example->shuffle, V, L);
}
