/* Which tec this is. */
#ifndef TEC_VERSION_H
#define TEC_VERSION_H

/* What `git describe` said when the program was built, "unknown" outside a repository. Static. */
const char *tec_version(void);

#endif
