/* Counts the operations of the model's matrix products, 2 m n k each, from its shapes alone. A backward has twice as
 * many as its forward: one product for the gradient of the weights, one for that of the input. */
#include "tec/flops.h"

/* Rows x inputs x outputs. */
static double product(double rows, double inputs, double outputs)
{
    return 2 * rows * inputs * outputs;
}

/* A block over sequences of N tokens, `queries` of which have a query: the projections to queries, keys and values, and
 * all other products. */
static double block_qkv(double N, double queries, double D)
{
    return product(queries, D, D) + product(N, D, 2 * D);
}

static double attention_and_projection(double N, double queries, double D)
{
    return 2 * product(queries, N, D) + product(queries, D, D);
}

static double block_rest(double N, double queries, double D, double hidden)
{
    return attention_and_projection(N, queries, D) + 2 * product(queries, D, hidden);
}

static double patch_embedding(const tec_model_config *c, int rows)
{
    return product(rows, (double)c->patch * c->patch * c->channels, c->width);
}

static double encoder_attention(const tec_model_config *c, int N)
{
    return block_qkv(N, N, c->width) + attention_and_projection(N, N, c->width);
}

/* SwiGLU's first product has two halves. */
static double encoder_mlp(const tec_model_config *c, int N)
{
    return (c->variant.swiglu ? 3 : 2) * product(N, c->width, tec_model_hidden(c));
}

static double encoder_blocks(const tec_model_config *c, int N)
{
    return c->depth * (encoder_attention(c, N) + encoder_mlp(c, N));
}

/* Per group of blocks: the linear that fuses them, and an MLP as wide as the decoders'. */
static double encoder_adaptor(const tec_model_config *c, int N)
{
    double part = (double)c->width * c->depth / c->groups;
    return c->groups * (product(N, part, c->width) + 2 * product(N, c->width, 4.0 * c->decoder_width));
}

/* One decoder, without decoder_once. In its first block all images share the queries, keys and values of mask tokens;
 * in its last block only tokens from which something is predicted have queries. */
static double decoder(const tec_model_config *c, int visible, bool hidden_only)
{
    int N = 1 + tec_model_patches(c), W = c->decoder_width, hidden = tec_mlp_hidden(W, c->mlp_ratio);
    double sum = product(1 + visible, c->width, W) + block_qkv(1 + visible, 1 + visible, W);
    for (int i = 0; i < c->decoder_depth; i++) {
        int queries = hidden_only && i + 1 == c->decoder_depth ? N - 1 - visible : N;
        sum += block_rest(N, queries, W, hidden) + (i > 0 ? block_qkv(N, queries, W) : 0);
    }
    return sum;
}

/* What one decoder computes for mask tokens, whatever the number of images. */
static double decoder_once(const tec_model_config *c)
{
    return block_qkv(tec_model_patches(c), tec_model_patches(c), c->decoder_width);
}

static double attention_prediction(const tec_model_config *c, int base_width, int topk)
{
    int L = tec_model_patches(c);
    return product(1 + topk, c->decoder_width, base_width) + product(1 + L, c->decoder_width, base_width) +
           product(1 + topk, L, base_width);
}

/* What predicts the pixels, or the targets of one base model, from the encoder's output. */
static double side(const tec_model_config *c, int outputs, int visible, int topk)
{
    double sum = decoder(c, visible, true) + product(tec_model_patches(c) - visible, c->decoder_width, outputs);
    if (tec_model_has_adaptors(c))
        sum += encoder_adaptor(c, 1 + visible);
    if (c->kind == TEC_MODEL_TEC && c->predict_attention)
        sum += decoder(c, visible, false) + attention_prediction(c, outputs, topk);
    return sum;
}

/* Without the patch embedding. */
static double classifier(const tec_model_config *c)
{
    return encoder_blocks(c, tec_model_prefix(c) + tec_model_patches(c)) + product(1, c->width, c->classes);
}

double tec_flops_classify(const tec_model_config *c, int count)
{
    return count * (classifier(c) + patch_embedding(c, tec_model_patches(c)));
}

double tec_flops_train(const tec_model_config *c, int count, int visible, int topk)
{
    if (c->kind == TEC_MODEL_CLASSIFIER)
        return count * (3 * classifier(c) + 2 * patch_embedding(c, visible)); /* the image needs no gradient */
    bool tec = c->kind == TEC_MODEL_TEC;
    const int sides = tec ? tec_model_bases(c) : 1;
    double forward = encoder_blocks(c, 1 + visible);
    for (int i = 0; i < sides; i++)
        forward += side(c, tec ? tec_model_base(c, i).width : c->patch * c->patch * c->channels, visible, topk);
    double input = 3 * forward + 2 * patch_embedding(c, visible);
    double once = sides * (tec && c->predict_attention ? 2 : 1) * decoder_once(c);
    if (tec_model_has_adaptors(c))
        once += 2 * product(1, c->width, 4.0 * c->width); /* the class token's MLP */
    return count * input + 3 * once;
}

double tec_flops_branches(const tec_model_config *c, double attention, double mlp)
{
    const int N = tec_model_prefix(c) + tec_model_patches(c);
    return 3 * (attention * encoder_attention(c, N) + mlp * encoder_mlp(c, N));
}

double tec_flops_targets(const tec_model_config *c, int count, int topk)
{
    int L = tec_model_patches(c);
    return count *
           (patch_embedding(c, L) + encoder_blocks(c, tec_model_prefix(c) + L) + product(1 + topk, L, c->width));
}
