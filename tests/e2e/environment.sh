# shellcheck shell=bash
# Open MPI refuses to run as root and to start more ranks than cores unless told that it is meant. Ranks that share a
# core should give way while they wait, and not be bound to one that another job is bound to.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_hwloc_base_binding_policy=none
export OMP_NUM_THREADS=1
# Of builds with SAN=address. Where __tls_get_addr is intercepted, gcc 12's LeakSanitizer takes what lies before a thread's
# memory for its size, and dies of it one time in three.
suppressions=$(realpath "$(dirname "${BASH_SOURCE[0]}")/lsan.supp")
export ASAN_OPTIONS=fast_unwind_on_malloc=0:intercept_tls_get_addr=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export LSAN_OPTIONS=suppressions=$suppressions:print_suppressions=0
