/* Module base, public. The version of this program. Local. */
#ifndef TEC_VERSION_H
#define TEC_VERSION_H

/* `git describe` at build time, "unknown" outside a repository. A static string. */
const char *tec_version(void);

#endif
