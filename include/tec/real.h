/* Module base, public. The floating-point type of all arithmetic: float, or double with `make REAL=double`, which makes
 * finite differences and golden fixtures sharp. Checkpoints then hold doubles too; all other files keep the type that
 * their format defines. */
#ifndef TEC_REAL_H
#define TEC_REAL_H

#ifdef TEC_REAL_DOUBLE
typedef double real;
#define TEC_REAL_IS_DOUBLE 1
#else
typedef float real;
#define TEC_REAL_IS_DOUBLE 0
#endif

#endif
