/* The version, which the Makefile defines. */
#include "tec/version.h"

#ifndef TEC_VERSION
#define TEC_VERSION "unknown"
#endif

const char *tec_version(void)
{
    return TEC_VERSION;
}
