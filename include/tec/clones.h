/* Module base, public. One binary for SSE2, AVX2 and AVX-512 nodes: a function marked TEC_CLONES is compiled for each,
 * and the clone to run is chosen when the program starts.
 *
 * Such functions must be static (clang 14 mangles exported ones) and their names unique in the program (clang's
 * resolvers are global). Under sanitizers, which do not survive these resolvers, the mark means nothing. */
#ifndef TEC_CLONES_H
#define TEC_CLONES_H

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TEC_NO_CLONES
#endif
#endif

/* TEC_NO_CLONES: make CLONES=no, for a program as on a processor without AVX. */
#if !defined __x86_64__ || !defined __ELF__ || defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ ||          \
    defined TEC_NO_CLONES
#define TEC_CLONES
#elif defined __clang__
#define TEC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TEC_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif

#endif
