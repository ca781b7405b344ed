/* Versions of tec and of the libraries that it uses. */
#include "jobs.h"

#include "tec/checkpoint.h"
#include "tec/gemm.h"
#include "tec/version.h"

#include <jansson.h>
#include <png.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>
#include <zip.h>
#include <zlib.h>
/* After stdio.h, which it needs. */
#include <jpeglib.h>
#ifdef TEC_GIF
#include <gif_lib.h>
#endif
#ifdef TEC_JP2
#include <openjpeg.h>
#endif
#ifdef TEC_TIFF
#include <tiffio.h>
#endif
#ifdef TEC_WEBP
#include <webp/decode.h>
#endif

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#ifdef LIBJPEG_TURBO_VERSION
#define JPEG_LIBRARY "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION)
#else
#define JPEG_LIBRARY "libjpeg"
#endif

#ifdef __clang__
#define COMPILER __VERSION__ /* says that it is Clang */
#else
#define COMPILER "gcc " __VERSION__
#endif

/* Of libraries that a build may lack. */
static void print_decoders(FILE *out)
{
#ifdef TEC_WEBP
    int version = WebPGetDecoderVersion();
    fprintf(out, "libwebp %d.%d.%d, ", version >> 16, version >> 8 & 255, version & 255);
#else
    fputs("without libwebp, ", out);
#endif
#ifdef TEC_TIFF
    const char *tiff = strstr(TIFFGetVersion(), "Version "); /* "LIBTIFF, Version 4.5.0", and more lines */
    tiff = tiff ? tiff + strlen("Version ") : "";
    fprintf(out, "libtiff %.*s, ", (int)strcspn(tiff, "\n"), tiff);
#else
    fputs("without libtiff, ", out);
#endif
#ifdef TEC_GIF
    fputs("giflib " TEXT_OF(GIFLIB_MAJOR) "." TEXT_OF(GIFLIB_MINOR) "." TEXT_OF(GIFLIB_RELEASE) ", ", out);
#else
    fputs("without giflib, ", out);
#endif
#ifdef TEC_JP2
    fprintf(out, "openjpeg %s\n", opj_version());
#else
    fputs("without openjpeg\n", out);
#endif
}

void tec_versions_print(FILE *out)
{
    char mpi[256], hdf5[32];
    tec_comm_library(mpi, sizeof mpi);
    tec_checkpoint_library(hdf5, sizeof hdf5);
    fprintf(out, "tec %s\n", tec_version());
    fprintf(out, "%s, %s, HDF5 %s\n", mpi, tec_blas_name(), hdf5);
    fprintf(out, "libyaml %s, jansson %s, %s, libpng %s, zlib %s, libzip %s, protobuf-c %s\n",
            yaml_get_version_string(), jansson_version_str(), JPEG_LIBRARY, png_get_libpng_ver(NULL), zlibVersion(),
            zip_libzip_version(), protobuf_c_version());
    print_decoders(out);
    fprintf(out, "compiled by %s\n", COMPILER);
}
