/* GIF, by giflib: the first picture of the file, on a canvas as Pillow makes it. */
#include "image_codec.h"

#include <string.h>

#ifdef TEC_GIF
#include <gif_lib.h>

#if GIFLIB_MAJOR < 5 || (GIFLIB_MAJOR == 5 && GIFLIB_MINOR < 1)
#error "giflib 5.1 or newer is needed; GIF=no builds without it"
#endif

/* A code of 12 bits stands for at most 4096 - 258 pixels. */
#define PIXELS_PER_BYTE (4096 * 8 / 12.0)

enum { COLOURS = 256, NO_COLOUR = -1 };

typedef struct reader {
    const uint8_t *data;
    size_t bytes, at;
    bool ended;          /* more was asked for than there is */
    bool pixels;         /* what is read are pixels */
    bool between_blocks; /* of these */
    const char *name;
    GifFileType *gif;
    int transparent; /* the index that the canvas has where the picture is not; NO_COLOUR: none */
} reader;

/* Pixels come in blocks, the length of each before it. Where the data end between two of them an empty one, which ends the
 * picture, is made up: giflib says then whether pixels are missing, or nothing but that end. */
static int take(GifFileType *gif, GifByteType *out, int count)
{
    reader *r = gif->UserData;
    size_t left = r->bytes - r->at, wanted = (size_t)count;
    size_t taken = wanted < left ? wanted : left;
    memcpy(out, r->data + r->at, taken);
    r->at += taken;
    r->ended |= taken < wanted;
    if (r->pixels && r->between_blocks && !taken) {
        *out = 0;
        return count;
    }
    r->between_blocks = !r->between_blocks;
    return (int)taken;
}

static tec_status fail(const reader *r, int error)
{
    const char *text = GifErrorString(error);
    if (r->ended)
        return tec_image_truncated("GIF", r->bytes, r->name);
    return tec_fail(TEC_USER_ERROR, "%s: damaged GIF near byte %zu: %s", r->name, r->at, text ? text : "no picture");
}

/* Of the extensions only the index of what is transparent counts. */
static bool read_extension(reader *r)
{
    enum { GRAPHICS_LENGTH = 4, TRANSPARENT = 1 };
    int kind;
    GifByteType *block;
    if (DGifGetExtension(r->gif, &kind, &block) == GIF_ERROR)
        return false;
    if (kind == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= GRAPHICS_LENGTH)
        r->transparent = block[1] & TRANSPARENT ? block[4] : NO_COLOUR;
    while (block)
        if (DGifGetExtensionNext(r->gif, &block) == GIF_ERROR)
            return false;
    return true;
}

/* Goes on to the first picture, of which it reads the description. */
static tec_status find_picture(reader *r)
{
    GifRecordType kind;
    for (;;) {
        if (DGifGetRecordType(r->gif, &kind) == GIF_ERROR)
            return fail(r, r->gif->Error);
        if (kind == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(r->gif) == GIF_OK ? TEC_OK : fail(r, r->gif->Error);
        if (kind == TERMINATE_RECORD_TYPE)
            return tec_fail(TEC_USER_ERROR, "%s: GIF without a picture", r->name);
        if (kind == EXTENSION_RECORD_TYPE && !read_extension(r))
            return fail(r, r->gif->Error);
    }
}

/* ---- pixels ---- */

/* An index without a colour is a level of grey, as to Pillow. */
static void find_colours(const GifFileType *gif, uint8_t colour[COLOURS][3])
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    for (int i = 0; i < COLOURS; i++) {
        const GifColorType grey = {(GifByteType)i, (GifByteType)i, (GifByteType)i};
        const GifColorType *c = map && i < map->ColorCount ? &map->Colors[i] : &grey;
        memcpy(colour[i], (uint8_t[3]){c->Red, c->Green, c->Blue}, 3);
    }
}

/* The rows of an interlaced picture come in four passes. */
static int next_row(int y, int height, int *pass)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (y += step[*pass]; y >= height && *pass < 3;)
        y = first[++*pass];
    return y;
}

static tec_status read_rows(reader *r, tec_image *out, uint8_t colour[COLOURS][3])
{
    const GifImageDesc *picture = &r->gif->Image;
    int y = 0, pass = 0;
    GifPixelType row[UINT16_MAX];
    for (int i = 0; i < picture->Height; i++) {
        if (DGifGetLine(r->gif, row, picture->Width) == GIF_ERROR)
            return fail(r, r->gif->Error);
        uint8_t *to = out->pixels + ((size_t)(picture->Top + y) * (size_t)out->width + (size_t)picture->Left) * 3;
        for (int x = 0; x < picture->Width; x++)
            memcpy(to + 3 * x, colour[row[x]], 3);
        y = picture->Interlace ? next_row(y, picture->Height, &pass) : y + 1;
    }
    return TEC_OK;
}

/* A picture may reach beyond the canvas, which then grows, or leave a part of it empty. */
static tec_status read_picture(reader *r, tec_image *out)
{
    const GifImageDesc *picture = &r->gif->Image;
    if (picture->Width < 1 || picture->Height < 1)
        return tec_fail(TEC_USER_ERROR, "%s: GIF with a picture of %d x %d pixels", r->name, picture->Width,
                        picture->Height);
    int right = picture->Left + picture->Width, below = picture->Top + picture->Height;
    int width = right > r->gif->SWidth ? right : r->gif->SWidth;
    int height = below > r->gif->SHeight ? below : r->gif->SHeight;
    uint8_t colour[COLOURS][3];
    double room = tec_image_room(r->bytes, PIXELS_PER_BYTE);
    TEC_TRY(tec_image_reserve(out, (uint32_t)height, (uint32_t)width, 3, room, r->name));
    find_colours(r->gif, colour);
    r->pixels = r->between_blocks = true;
    for (size_t i = 0; i < (size_t)height * (size_t)width; i++)
        memcpy(out->pixels + 3 * i, colour[r->transparent == NO_COLOUR ? 0 : r->transparent], 3);
    return read_rows(r, out, colour);
}

/* ---- the whole file ---- */

static size_t behind_blocks(const reader *r, size_t at)
{
    while (at < r->bytes && r->data[at])
        at += 1 + (size_t)r->data[at];
    return at + 1;
}

/* Is there an end behind the first picture, and behind all others, of which nothing is decoded? */
static bool has_end(const reader *r)
{
    enum { DESCRIPTION = 9, FLAGS = 8, LOCAL_MAP = 0x80 };
    if (r->ended)
        return false;
    for (size_t at = r->at; at < r->bytes;) {
        int kind = r->data[at++];
        if (kind == ';')
            return true;
        if (kind == '!') {
            at = behind_blocks(r, at + 1);
        } else if (kind == ',' && at + DESCRIPTION < r->bytes) {
            int flags = r->data[at + FLAGS];
            at = behind_blocks(r, at + DESCRIPTION + (flags & LOCAL_MAP ? (size_t)6 << (flags & 7) : 0) + 1);
        }
    }
    return false;
}

static tec_status read_all(reader *r, tec_image *out, bool strict)
{
    TEC_TRY(find_picture(r));
    TEC_TRY(read_picture(r, out));
    if (has_end(r))
        return TEC_OK;
    out->notes |= 1u << TEC_IMAGE_GIF_END;
    return strict ? tec_image_truncated("GIF", r->bytes, r->name) : TEC_OK;
}

static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    reader r = {.data = data, .bytes = bytes, .name = name, .transparent = NO_COLOUR};
    int error = 0;
    r.gif = DGifOpen(&r, take, &error);
    if (!r.gif)
        return fail(&r, error);
    tec_status status = read_all(&r, out, strict);
    DGifCloseFile(r.gif, &error);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}
#endif

static bool matches(const uint8_t *data, size_t bytes)
{
    return bytes >= 6 && (!memcmp(data, "GIF87a", 6) || !memcmp(data, "GIF89a", 6));
}

const tec_image_codec tec_image_gif = {
    .name = "GIF",
    .endings = {".gif"},
    .matches = matches,
#ifdef TEC_GIF
    .decode = decode,
#else
    .lacks = "giflib (Debian: libgif-dev; Spack: giflib)",
#endif
};
