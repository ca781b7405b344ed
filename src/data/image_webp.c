/* WebP, by libwebp: still images, and the first one of an animation on its canvas. */
#include "image_codec.h"
#include "image_turn.h"

#include <string.h>

#ifdef TEC_WEBP
#include <webp/decode.h>
#include <webp/demux.h>

/* One colour takes no bits at all; an ordinary picture of a page that is nearly white, 1 bit for some hundred pixels. */
#define PIXELS_PER_BYTE 4096.0

/* Decodes a picture that lies inside the canvas, whose pixels are black beside it. */
static tec_status read_picture(const WebPIterator *picture, tec_image *out, size_t bytes, const char *name)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return tec_fail(TEC_SYSTEM_ERROR, "%s: libwebp is of another version than the one this program was built with",
                        name);
    size_t row = (size_t)out->width * 3, first = (size_t)picture->y_offset * row + (size_t)picture->x_offset * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->pixels + first;
    config.output.u.RGBA.stride = (int)row;
    config.output.u.RGBA.size = row * (size_t)out->height - first;
    VP8StatusCode status = WebPDecode(picture->fragment.bytes, picture->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    switch (status) {
    case VP8_STATUS_OK:
        return TEC_OK;
    case VP8_STATUS_OUT_OF_MEMORY:
        return tec_fail(TEC_SYSTEM_ERROR, "%s: no memory to decode %u x %u pixels", name, picture->width,
                        picture->height);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return tec_image_truncated("WebP", bytes, name);
    default:
        return tec_fail(TEC_USER_ERROR, "%s: damaged WebP", name);
    }
}

static tec_status read_first(const WebPDemuxer *file, tec_image *out, size_t bytes, const char *name)
{
    WebPIterator picture;
    uint32_t width = WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH), height = WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT);
    if (!WebPDemuxGetFrame(file, 1, &picture))
        return tec_fail(TEC_USER_ERROR, "%s: WebP without a picture", name);
    tec_status status = tec_image_reserve(out, height, width, 3, tec_image_room(bytes, PIXELS_PER_BYTE), name);
    if (status == TEC_OK) {
        if (picture.width != (int)width || picture.height != (int)height)
            memset(out->pixels, 0, (size_t)height * width * 3);
        status = read_picture(&picture, out, bytes, name);
    }
    WebPDemuxReleaseIterator(&picture);
    if (status != TEC_OK)
        tec_image_free(out);
    return status;
}

/* Where the file is cut, not even its parts can be told. Pillow too takes only whole ones. */
static tec_status decode(tec_image *out, const uint8_t *data, size_t bytes, bool strict, const char *name)
{
    (void)strict;
    WebPDemuxState state;
    const WebPData file = {data, bytes};
    WebPDemuxer *parts = WebPDemuxPartial(&file, &state);
    tec_status status = TEC_OK;
    if (state == WEBP_DEMUX_DONE)
        status = read_first(parts, out, bytes, name);
    else if (state == WEBP_DEMUX_PARSE_ERROR)
        status = tec_fail(TEC_USER_ERROR, "%s: damaged WebP", name);
    else
        status = tec_image_truncated("WebP", bytes, name);
    WebPDemuxDelete(parts);
    return status;
}

static int orientation(const uint8_t *data, size_t bytes)
{
    const WebPData file = {data, bytes};
    WebPDemuxer *parts = WebPDemux(&file);
    WebPChunkIterator chunk;
    int found = 1;
    if (parts && WebPDemuxGetChunk(parts, "EXIF", 1, &chunk)) {
        /* Some writers keep the mark that EXIF data have in JPEG. */
        size_t mark = chunk.chunk.size >= 6 && !memcmp(chunk.chunk.bytes, "Exif\0", 6) ? 6 : 0;
        found = tec_exif_orientation(chunk.chunk.bytes + mark, chunk.chunk.size - mark);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(parts);
    return found;
}
#endif

static bool matches(const uint8_t *data, size_t bytes)
{
    return bytes >= 12 && !memcmp(data, "RIFF", 4) && !memcmp(data + 8, "WEBP", 4);
}

const tec_image_codec tec_image_webp = {
    .name = "WebP",
    .endings = {".webp"},
    .matches = matches,
#ifdef TEC_WEBP
    .decode = decode,
    .orientation = orientation,
#else
    .lacks = "libwebp (Debian: libwebp-dev; Spack: libwebp)",
#endif
};
