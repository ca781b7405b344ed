/* Which of a file's tensors are the model's: the prefix that wrappers put before names, and what may be left out. */
#include "import_parts.h"

#include "tec/memory.h"
#include "tec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- where the model is -- */

/* A place in the file with a patch embedding: what precedes its name. */
typedef struct candidate {
    const naming *scheme;
    const char *name; /* the first `length` bytes of which are the prefix */
    size_t length;
    int rank;
} candidate;

/* Of several models in a file the one with the highest rank is meant, by a word in the prefix; without one it is 1. */
static const struct {
    const char *word;
    int rank;
} ranks[] = {
    {"*teacher*", 3}, {"*ema", 3}, {"ema*", 3}, {"target_encoder", 3}, {"*student*", 0}, {"momentum_encoder", 0},
};

static int rank_of(const candidate *c)
{
    int rank = 1;
    char *prefix = tec_string_format("%.*s", (int)c->length, c->name);
    for (char *rest = prefix, *word; rest && (word = strsep(&rest, "."));)
        for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
            if (tec_import_matches(ranks[i].word, word))
                rank = ranks[i].rank;
    free(prefix);
    return rank;
}

static bool is_anchor(const naming *scheme, const char *name, size_t *prefix)
{
    if (!tec_string_ends_with(name, scheme->anchor))
        return false;
    *prefix = strlen(name) - strlen(scheme->anchor);
    return *prefix == 0 || name[*prefix - 1] == '.';
}

enum { MOST_CANDIDATES = 16, MOST_PIECES = 1 << 13 };

static int find_candidates(const tec_tensor_file *file, candidate found[MOST_CANDIDATES])
{
    int count = 0;
    for (int i = 0; i < tec_tensor_file_count(file); i++) {
        candidate c = {.name = tec_tensor_file_get(file, i)->name};
        for (c.scheme = tec_import_namings; c.scheme->name; c.scheme++)
            if (count < MOST_CANDIDATES && is_anchor(c.scheme, c.name, &c.length)) {
                c.rank = rank_of(&c);
                found[count++] = c;
            }
    }
    return count;
}

static bool has_prefix(const char *name, const candidate *c)
{
    return strncmp(name, c->name, c->length) == 0;
}

/* -- messages about files that are refused -- */

/* "`a`, `b` and 5 more" in `text`; count >= 1. */
typedef struct name_list {
    char text[400];
    int count;
} name_list;

static void list_name(name_list *list, const char *name)
{
    enum { SHOWN = 3 };
    size_t used = strlen(list->text);
    if (list->count++ < SHOWN)
        snprintf(list->text + used, sizeof list->text - used, "%s`%.100s`", used ? ", " : "", name);
}

static void end_list(name_list *list)
{
    size_t used = strlen(list->text);
    if (list->count > 3)
        snprintf(list->text + used, sizeof list->text - used, " and %d more", list->count - 3);
}

static tec_status check_supported(const tec_import *import, const char *name)
{
    for (const unsupported *u = tec_import_unsupported; u->pattern; u++)
        if (tec_import_matches(u->pattern, name))
            return tec_fail(TEC_USER_ERROR,
                            "%s: the model has %s, which is not supported (its tensor `%.100s` says so): take a model "
                            "without",
                            import->path, u->what, name);
    return TEC_OK;
}

static tec_status fail_no_model(const tec_import *import)
{
    name_list list = {.count = 0};
    for (int i = 0; i < tec_tensor_file_count(import->file); i++) {
        TEC_TRY(check_supported(import, tec_tensor_file_get(import->file, i)->name));
        list_name(&list, tec_tensor_file_get(import->file, i)->name);
    }
    if (list.count == 0)
        return tec_fail(TEC_USER_ERROR, "%s holds no tensors", import->path);
    end_list(&list);
    char *anchors = tec_string_copy(tec_import_namings[0].anchor);
    for (const naming *scheme = tec_import_namings + 1; scheme->name; scheme++)
        tec_string_append(&anchors, "%s%s", scheme[1].name ? ", " : " or ", scheme->anchor);
    tec_status status = tec_fail(
        TEC_USER_ERROR, "%s holds no ViT: none of its tensors is called %s; it has %s (`tec inspect` lists them)",
        import->path, anchors, list.text);
    free(anchors);
    return status;
}

/* The best candidate; *best is untouched on failure. */
static tec_status choose(const tec_import *import, const candidate *found, int count, int *best)
{
    int first = 0, equal = 0;
    name_list list = {.count = 0};
    if (count == 0)
        return fail_no_model(import);
    for (int i = 1; i < count; i++)
        first = found[i].rank > found[first].rank ? i : first;
    for (int i = 0; i < count; i++)
        if (found[i].rank == found[first].rank) {
            equal++;
            list_name(&list, found[i].name);
        }
    end_list(&list);
    if (equal > 1)
        return tec_fail(TEC_USER_ERROR,
                        "%s holds %d models, and nothing says which is meant: %s; save one of them alone", import->path,
                        equal, list.text);
    *best = first;
    return TEC_OK;
}

/* -- sorting -- */

static tec_status add_piece(tec_import *import, int index, const char *name)
{
    import_piece piece = {.index = index};
    const tec_tensor *tensor = tec_tensor_file_get(import->file, index);
    if (!tec_import_translate(import->naming, name, piece.ours, &piece.part, &piece.parts))
        return TEC_CHECK_FAILED; /* not one of the model's */
    const import_piece *other = tec_import_find(import, piece.ours, piece.part);
    if (other)
        return tec_fail(TEC_USER_ERROR, "%s: `%s` and `%s` are the same tensor of the model (%s)", import->path,
                        tec_import_tensor(import, other)->name, tensor->name, piece.ours);
    if (!tensor->is_float)
        return tec_fail(TEC_USER_ERROR, "%s: tensor `%s` is of type %s, which is not a floating-point type",
                        import->path, tensor->name, tensor->type_name);
    if (import->pieces == MOST_PIECES)
        return tec_fail(TEC_USER_ERROR, "%s has more than %d tensors with the names of a ViT's: too many", import->path,
                        MOST_PIECES);
    piece.tensor = *tensor;
    if (import->naming->kernels)
        tec_import_kernel_shape(piece.ours, &piece.tensor);
    import->piece[import->pieces++] = piece;
    return TEC_OK;
}

/* Integers (indices, counters) are not weights. */
static bool is_unused(const tec_tensor *tensor, const char *name, bool beside)
{
    return !tensor->is_float || tec_import_matches_any(tec_import_unused, name, beside) ||
           tec_import_matches_any(tec_import_unused_beside, name, beside);
}

static void note_unused(tec_import_facts *facts, const char *name)
{
    if (facts->unused++ == 0)
        snprintf(facts->unused_example, sizeof facts->unused_example, "%s", name);
}

/* What a vision-language model has besides its vision tower, and a head that pools by attention. */
static bool is_passed_over(tec_import *import, const char *name, bool inside)
{
    tec_import_facts *facts = &import->facts;
    const char *pooling = import->naming->pooling;
    bool text = !inside && tec_import_matches_any(tec_import_text, name, true);
    bool pools = inside && pooling && tec_import_matches(pooling, name);
    facts->text += text;
    facts->pooling += pools;
    return text || pools;
}

/* A classifier of ours has one that is needed. */
static bool is_own_head(const tec_import *import, const char *name)
{
    return import->own && tec_import_matches("head.*", name);
}

static bool in_another_model(const char *name, const candidate *found, int count, int best)
{
    for (int i = 0; i < count; i++)
        if (i != best && found[i].length > 0 && has_prefix(name, &found[i]))
            return true;
    return false;
}

/* No feature of the model depends on tensors outside of its wrapper. */
static tec_status sort_tensors(tec_import *import, const candidate *found, int count, int best)
{
    name_list left = {.count = 0};
    for (int i = 0; i < tec_tensor_file_count(import->file); i++) {
        const tec_tensor *tensor = tec_tensor_file_get(import->file, i);
        bool inside = has_prefix(tensor->name, &found[best]);
        const char *name = tensor->name + (inside ? found[best].length : 0);
        tec_status status = inside ? add_piece(import, i, name) : TEC_CHECK_FAILED;
        if (status == TEC_USER_ERROR)
            return status;
        if (status == TEC_OK || is_own_head(import, name) || is_passed_over(import, name, inside))
            continue;
        if (in_another_model(tensor->name, found, count, best) || is_unused(tensor, name, !inside)) {
            note_unused(&import->facts, tensor->name);
            continue;
        }
        TEC_TRY(check_supported(import, tensor->name));
        if (inside)
            list_name(&left, tensor->name);
        else
            note_unused(&import->facts, tensor->name);
    }
    if (left.count == 0)
        return TEC_OK;
    end_list(&left);
    return tec_fail(TEC_USER_ERROR,
                    "%s: %d tensor%s not part of any ViT that tec knows: %s; a model that computes something else "
                    "would give wrong features",
                    import->path, left.count, left.count > 1 ? "s are" : " is", left.text);
}

/* The second half of a gated MLP's first linear without the first one is all of it: there is no gate. */
static void complete_halves(tec_import *import)
{
    for (int i = 0; i < import->pieces; i++) {
        import_piece *piece = &import->piece[i];
        if (piece->part == 1 && piece->parts == 2 && !tec_import_find(import, piece->ours, 0)) {
            piece->part = 0;
            piece->parts = 1;
        }
    }
}

/* The piece becomes the `rows` rows from row `first` on, of width `D`, of the tensor `ours` of its block. */
static tec_status cut(tec_import *import, import_piece *piece, const char *ours, int64_t first, int64_t rows)
{
    char name[OUR_NAME];
    const int block = atoi(piece->ours + strlen("blocks."));
    const bool weight = tec_string_ends_with(piece->ours, ".weight");
    snprintf(name, sizeof name, "blocks.%d.%s.%s", block, ours, weight ? "weight" : "bias");
    const import_piece *other = tec_import_find(import, name, 0);
    if (other)
        return tec_fail(TEC_USER_ERROR, "%s: `%s` and `%s` are the same tensor of the model (%s)", import->path,
                        tec_import_tensor(import, other)->name, piece->tensor.name, name);
    const int64_t width = weight ? piece->tensor.dim[1] : 1;
    snprintf(piece->ours, sizeof piece->ours, "%s", name);
    piece->before = first * width;
    piece->tensor.dim[0] = rows;
    piece->tensor.count = rows * width;
    return TEC_OK;
}

/* The first linear of parallel blocks: see IN_PROJ. */
static tec_status split_projections(tec_import *import)
{
    const import_piece *embedding = tec_import_find(import, "patch_embed.proj.weight", 0);
    const int64_t width = embedding && embedding->tensor.dims ? embedding->tensor.dim[0] : 0;
    const int whole = import->pieces;
    for (int i = 0; i < whole; i++) {
        import_piece *upper = &import->piece[i], *lower = &import->piece[import->pieces];
        const tec_tensor *t = &upper->tensor;
        if (!tec_import_matches("blocks.*." IN_PROJ ".*", upper->ours))
            continue;
        const bool weight = tec_string_ends_with(upper->ours, ".weight");
        const int64_t hidden = t->dims && width <= WIDEST ? t->dim[0] - 3 * width : 0;
        if (t->dims != (weight ? 2 : 1) || width < 1 || hidden < 1 || (weight && t->dim[1] != width))
            return tec_fail(TEC_USER_ERROR,
                            "%s: tensor `%s` does not have the shape of a parallel block's first linear, of %lld "
                            "inputs and 3 times as many outputs besides those of the MLP",
                            import->path, t->name, (long long)width);
        *lower = *upper;
        import->pieces++;
        import->facts.config.variant.block = TEC_BLOCK_PARALLEL;
        TEC_TRY(cut(import, upper, "mlp.fc1", 0, hidden));
        TEC_TRY(cut(import, lower, "attn.qkv", hidden, 3 * width));
    }
    return TEC_OK;
}

/* Only where their first linear is do blocks count as parallel ones. */
static tec_status check_projections(const tec_import *import)
{
    static const char *const parallel[] = {"*.in_norm.*", "*.attn_out_proj.*", "*.mlp_out_proj.*", "*.mlp_bias", NULL};
    for (int i = 0; i < import->pieces && !import->facts.config.variant.block; i++)
        if (tec_import_matches_any(parallel, import->piece[i].tensor.name, false))
            return tec_fail(TEC_USER_ERROR,
                            "%s: tensor `%s` is one of parallel blocks, but their first linear (`in_proj`) is missing: "
                            "take a file that has it",
                            import->path, import->piece[i].tensor.name);
    return TEC_OK;
}

tec_status tec_import_select(tec_import *import)
{
    candidate found[MOST_CANDIDATES];
    int count = find_candidates(import->file, found), best = 0;
    TEC_TRY(choose(import, found, count, &best));
    tec_import_facts *facts = &import->facts;
    if (found[best].length >= sizeof facts->prefix)
        return tec_fail(TEC_USER_ERROR, "%s: the name `%.60s...` is too long", import->path, found[best].name);
    import->naming = found[best].scheme;
    snprintf(facts->prefix, sizeof facts->prefix, "%.*s", (int)found[best].length, found[best].name);
    import->piece = tec_allocate_zeroed(2 * (size_t)tec_tensor_file_count(import->file), sizeof *import->piece);
    TEC_TRY(sort_tensors(import, found, count, best));
    if (strcmp(import->naming->name, "Hugging Face DINOv3") == 0)
        complete_halves(import);
    TEC_TRY(split_projections(import));
    return check_projections(import);
}

const import_piece *tec_import_find(const tec_import *import, const char *ours, int part)
{
    for (int i = 0; i < import->pieces; i++)
        if (import->piece[i].part == part && strcmp(import->piece[i].ours, ours) == 0)
            return &import->piece[i];
    const bool shared = tec_string_ends_with(ours, ".attn.relative_position_bias_table");
    return shared ? tec_import_find(import, SHARED_BIAS, part) : NULL;
}

const tec_tensor *tec_import_tensor(const tec_import *import, const import_piece *piece)
{
    (void)import;
    return &piece->tensor;
}
