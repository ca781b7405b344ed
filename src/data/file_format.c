/* Formats of files by their first bytes. The table has what turns up among images, or under their names. */
#include "file_format.h"

#include "tec/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A format and one way to tell it: `length` bytes at `offset` and, if `also` is not NULL, those of another place. */
typedef struct signature {
    const char *bytes;
    size_t length, offset;
    const char *also;
    size_t also_length, also_offset;
    tec_file_format format;
} signature;

#define BYTES(text_) .bytes = text_, .length = sizeof text_ - 1
#define ALSO(text_, offset_) .also = text_, .also_length = sizeof text_ - 1, .also_offset = offset_
#define IMAGE(name_, what_, ...) .format = {.name = name_, .what = what_, .endings = {__VA_ARGS__}, .image = true}
#define TEXT(name_, what_, ...) .format = {.name = name_, .what = what_, .endings = {__VA_ARGS__}, .text = true}
#define RECIPE(text_) .format.recipe = text_
#define OTHER(name_, what_, ...) .format = {.name = name_, .what = what_, .endings = {__VA_ARGS__}}

/* clang-format off */
static const signature signatures[] = {
    {BYTES("RIFF"), ALSO("WEBP", 8), IMAGE("WebP", "a WebP image", ".webp")},
    {BYTES("GIF8"), IMAGE("GIF", "a GIF image", ".gif")},
    {BYTES("BM"), ALSO("\0\0\0\0", 6), IMAGE("BMP", "a BMP image", ".bmp", ".dib")},
    {BYTES("II*\0"), ALSO("CR\2\0", 8), IMAGE("CR2", "a raw image of a camera (CR2)", ".cr2")},
    {BYTES("II*\0"), IMAGE("TIFF", "a TIFF file that begins with a small copy (a raw image of a camera?)", ".nef", ".dng", ".arw", ".tif")},
    {BYTES("MM\0*"), IMAGE("TIFF", "a TIFF file that begins with a small copy (a raw image of a camera?)", ".nef", ".dng", ".arw", ".tif")},
    {BYTES("II+\0"), IMAGE("BigTIFF", "a BigTIFF image", ".tif", ".tiff", ".btf")},
    {BYTES("MM\0+"), IMAGE("BigTIFF", "a BigTIFF image", ".tif", ".tiff", ".btf")},
    {BYTES("ftypavi"), .offset = 4, IMAGE("AVIF", "an AVIF image", ".avif")},
    {BYTES("ftyphe"), .offset = 4, IMAGE("HEIC", "a HEIC image", ".heic", ".heif")},
    {BYTES("ftypmif1"), .offset = 4, IMAGE("HEIF", "a HEIF image", ".heic", ".heif", ".avif")},
    {BYTES("ftypmsf1"), .offset = 4, IMAGE("HEIF", "a HEIF image", ".heic", ".heif")},
    {BYTES("ftypcrx"), .offset = 4, IMAGE("CR3", "a raw image of a camera (CR3)", ".cr3")},
    {BYTES("\0\0\0\x0cjP  "), IMAGE("JPEG 2000", "a JPEG 2000 image", ".jp2", ".j2k", ".jpx")},
    {BYTES("\xff\x4f\xff\x51"), IMAGE("JPEG 2000", "a JPEG 2000 image", ".jp2", ".j2k", ".j2c")},
    {BYTES("\0\0\0\x0cJXL "), IMAGE("JPEG XL", "a JPEG XL image", ".jxl")},
    {BYTES("\xff\x0a"), IMAGE("JPEG XL", "a JPEG XL image", ".jxl")},
    {BYTES("II\xbc"), IMAGE("JPEG XR", "a JPEG XR image", ".jxr", ".wdp")},
    {BYTES("8BPS"), IMAGE("Photoshop", "a Photoshop image", ".psd", ".psb")},
    {BYTES("P1\n"), IMAGE("PNM", "a PNM image", ".pbm", ".pnm")},
    {BYTES("P2\n"), IMAGE("PNM", "a PNM image", ".pgm", ".pnm")},
    {BYTES("P3\n"), IMAGE("PNM", "a PNM image", ".ppm", ".pnm")},
    {BYTES("P4\n"), IMAGE("PNM", "a PNM image", ".pbm", ".pnm")},
    {BYTES("P5\n"), IMAGE("PNM", "a PNM image", ".pgm", ".pnm")},
    {BYTES("P6\n"), IMAGE("PNM", "a PNM image", ".ppm", ".pnm")},
    {BYTES("P5 "), IMAGE("PNM", "a PNM image", ".pgm", ".pnm")},
    {BYTES("P6 "), IMAGE("PNM", "a PNM image", ".ppm", ".pnm")},
    {BYTES("P7\n"), IMAGE("PAM", "a PAM image", ".pam")},
    {BYTES("PF\n"), IMAGE("PFM", "a PFM image", ".pfm")},
    {BYTES("Pf\n"), IMAGE("PFM", "a PFM image", ".pfm")},
    {BYTES("\0\0\1\0"), ALSO("\0", 5), IMAGE("ICO", "a Windows icon", ".ico")},
    {BYTES("\0\0\2\0"), ALSO("\0", 5), IMAGE("CUR", "a Windows cursor", ".cur")},
    {BYTES("icns"), IMAGE("ICNS", "a Mac icon", ".icns")},
    {BYTES("DDS "), IMAGE("DDS", "a DDS texture", ".dds")},
    {BYTES("v/1\1"), IMAGE("OpenEXR", "an OpenEXR image", ".exr")},
    {BYTES("#?RADIANCE"), IMAGE("Radiance HDR", "a Radiance HDR image", ".hdr")},
    {BYTES("#?RGBE"), IMAGE("Radiance HDR", "a Radiance HDR image", ".hdr")},
    {BYTES("qoif"), IMAGE("QOI", "a QOI image", ".qoi")},
    {BYTES("DICM"), .offset = 128, IMAGE("DICOM", "a DICOM image", ".dcm", ".dicom"), RECIPE("dcmj2pnm --write-png --min-max-window FILE.dcm FILE.png, of DCMTK, or another window")},
    {BYTES("SIMPLE  ="), IMAGE("FITS", "a FITS image", ".fits", ".fit", ".fts")},
    {BYTES("n+1\0"), .offset = 344, IMAGE("NIfTI", "a NIfTI image", ".nii")},
    {BYTES("\x0a\5\1\x08"), IMAGE("PCX", "a PCX image", ".pcx")},
    {BYTES("\1\xda\0"), IMAGE("SGI", "an SGI image", ".sgi", ".rgb", ".bw")},
    {BYTES("\1\xda\1"), IMAGE("SGI", "an SGI image", ".sgi", ".rgb", ".bw")},
    {BYTES("\x59\xa6\x6a\x95"), IMAGE("Sun raster", "a Sun raster image", ".ras")},
    {BYTES("\x8aMNG"), IMAGE("MNG", "an MNG animation", ".mng")},
    {BYTES("FUJIFILM"), IMAGE("RAF", "a raw image of a camera (RAF)", ".raf")},
    {BYTES("<svg"), IMAGE("SVG", "an SVG drawing", ".svg")},
    {BYTES("<?xml"), TEXT("XML", "an XML file", ".xml", ".svg")},
    {BYTES("\x89HDF\r\n\x1a\n"), OTHER("HDF5", "an HDF5 file", ".h5", ".hdf5")},
    {BYTES("\x93NUMPY"), OTHER("NumPy", "a NumPy array", ".npy")},
    {BYTES("PAR1"), OTHER("Parquet", "a Parquet file", ".parquet"), RECIPE("the line of Python that `tec check FILE.parquet` prints")},
    {BYTES("MATLAB 5.0 MAT-file"), OTHER("MATLAB", "a MATLAB file", ".mat")},
    {BYTES("MATLAB 7.3 MAT-file"), OTHER("MATLAB", "a MATLAB file", ".mat")},
    {BYTES("PK\3\4"), OTHER("ZIP", "a ZIP archive", ".zip", ".npz", ".pth", ".pt")},
    {BYTES("ustar"), .offset = 257, OTHER("tar", "a tar archive", ".tar")},
    {BYTES("\x1f\x8b"), OTHER("gzip", "a gzipped file", ".gz", ".tgz")},
    {BYTES("BZh"), OTHER("bzip2", "a file packed by bzip2", ".bz2")},
    {BYTES("\xfd" "7zXZ"), OTHER("xz", "a file packed by xz", ".xz")},
    {BYTES("\x28\xb5\x2f\xfd"), OTHER("Zstandard", "a file packed by Zstandard", ".zst")},
    {BYTES("7z\xbc\xaf"), OTHER("7-Zip", "a 7-Zip archive", ".7z")},
    {BYTES("Rar!"), OTHER("RAR", "a RAR archive", ".rar")},
    {BYTES("%PDF"), TEXT("PDF", "a PDF document", ".pdf")},
    {BYTES("ftyp"), .offset = 4, OTHER("MP4", "a video (MP4 or QuickTime)", ".mp4", ".mov", ".m4v")},
    {BYTES("RIFF"), ALSO("AVI ", 8), OTHER("AVI", "a video (AVI)", ".avi")},
    {BYTES("\x1a\x45\xdf\xa3"), OTHER("Matroska", "a video (Matroska or WebM)", ".mkv", ".webm")},
    {BYTES("\0\5\x16\7"), OTHER("AppleDouble", "a Mac's file of attributes (AppleDouble), not the picture itself")},
    {BYTES("version https://git-lfs"), OTHER("Git LFS", "a pointer of Git LFS (`git lfs pull` gets the file)")},
    {BYTES("/annex/objects/"), OTHER("git-annex", "a pointer of git-annex (`git annex get` gets the file)")},
};
/* clang-format on */
enum { SIGNATURES = sizeof signatures / sizeof *signatures };

static const tec_file_format html = {
    .name = "HTML", .what = "an HTML page", .endings = {".html", ".htm"}, .text = true};
static const tec_file_format text = {.name = "text", .what = "a text file", .endings = {".txt"}, .text = true};
static const tec_file_format zeros = {.name = "zero bytes",
                                      .what = "nothing but zero bytes (a copy that was cut off?)"};

const tec_file_format tec_file_format_unreadable = {.name = "cannot be opened", .what = "a file that cannot be opened"};

static bool has(const uint8_t *data, size_t bytes, const char *what, size_t length, size_t offset)
{
    return bytes >= offset + length && !memcmp(data + offset, what, length);
}

/* Marks of the byte order and white space may come first. */
static bool is_html(const uint8_t *data, size_t bytes)
{
    static const char *const starts[] = {"<!doctype html", "<html", "<head"};
    size_t at = tec_utf8_mark(data, bytes);
    while (at < bytes && isspace(data[at]))
        at++;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (bytes - at >= strlen(starts[i]) && !strncasecmp((const char *)data + at, starts[i], strlen(starts[i])))
            return true;
    return false;
}

static bool is_all(const uint8_t *data, size_t bytes, bool (*allowed)(uint8_t byte))
{
    size_t looked = bytes < TEC_FORMAT_BYTES ? bytes : TEC_FORMAT_BYTES;
    for (size_t i = 0; i < looked; i++)
        if (!allowed(data[i]))
            return false;
    return looked > 0;
}

static bool is_zero(uint8_t byte)
{
    return byte == 0;
}

/* Of ASCII or UTF-8. */
static bool is_of_text(uint8_t byte)
{
    return byte >= 0x80 ? byte < 0xf8 : byte >= 0x20 ? byte != 0x7f : isspace(byte) != 0;
}

const tec_file_format *tec_file_format_of(const uint8_t *data, size_t bytes)
{
    for (int i = 0; i < SIGNATURES; i++) {
        const signature *s = &signatures[i];
        if (has(data, bytes, s->bytes, s->length, s->offset) &&
            (!s->also || has(data, bytes, s->also, s->also_length, s->also_offset)))
            return &s->format;
    }
    if (is_html(data, bytes))
        return &html;
    if (is_all(data, bytes, is_zero))
        return &zeros;
    return is_all(data, bytes, is_of_text) ? &text : NULL;
}

bool tec_file_format_ends(const tec_file_format *format, const char *ending)
{
    for (const char *const *known = format->endings; *known; known++)
        if (!strcasecmp(*known, ending))
            return true;
    return false;
}
