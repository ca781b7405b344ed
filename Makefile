# tec: build, test, demonstrate. `make help` lists the targets; nothing has to be configured first.
#
#   CC             compiler wrapper of MPI (mpicc); another compiler behind it: make OMPI_CC=clang
#   BLAS_LIBS      another CBLAS than OpenBLAS, e.g. BLAS_LIBS="-lblis" BLAS_CFLAGS="-I/opt/blis/include"
#   REAL=double    all arithmetic in double precision      SAN=address,undefined   sanitizers; OPTIMISE=-O1 builds them
#                                                          faster: make check SAN=address,undefined OPTIMISE=-O1 SLURM=no
#   CLONES=no      without code for AVX2 and AVX-512 beside the plain one; for tests of ranks on different processors
#   WEBP=no TIFF=no GIF=no JP2=no   without the library for such images, which are then refused by name
#   V=1            show the commands
#   PREFIX         where `make install` puts the program   BUILD                   where objects and programs go

CC := mpicc
REAL ?= float
SAN ?=
PREFIX ?= /usr/local
BUILD ?= build$(if $(filter double,$(REAL)),/double)$(if $(SAN),/$(SAN))
PKG_CONFIG ?= pkg-config

V ?=
Q := $(if $(V),,@)
OPTIMISE ?= -O3
WARN := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes
PACKAGES := yaml-0.1 libjpeg libpng zlib jansson libzip libprotobuf-c
PROTOC_C ?= protoc-c
HDF5_PACKAGE ?= $(firstword $(foreach p,hdf5 hdf5-serial hdf5-openmpi,$(shell $(PKG_CONFIG) --exists $(p) && echo $(p))))
BLAS_LIBS ?= $(shell $(PKG_CONFIG) --libs openblas 2>/dev/null || echo -lopenblas)
BLAS_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags openblas 2>/dev/null)
HDF5_LIBS ?= $(shell $(PKG_CONFIG) --libs $(HDF5_PACKAGE) 2>/dev/null || echo -lhdf5)
HDF5_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(HDF5_PACKAGE) 2>/dev/null)

# Decoders that a build can do without. GIF=no leaves one out; where a header is not found, it is left out by itself.
OPTIONAL := WEBP TIFF GIF JP2
TIFF_HEADER := tiffio.h
TIFF_PACKAGES := libtiff-4
TIFF_LINK := -ltiff
WEBP_HEADER := webp/demux.h
WEBP_PACKAGES := libwebp libwebpdemux
WEBP_LINK := -lwebpdemux -lwebp
GIF_HEADER := gif_lib.h
GIF_PACKAGES := libgif
GIF_LINK := -lgif
JP2_HEADER := openjpeg.h
JP2_PACKAGES := libopenjp2
JP2_LINK := -lopenjp2
optional_cflags = $(shell $(PKG_CONFIG) --cflags $($(1)_PACKAGES) 2>/dev/null)
optional_libs = $(shell $(PKG_CONFIG) --libs $($(1)_PACKAGES) 2>/dev/null || echo $($(1)_LINK))
has_header = $(shell printf '\#include <stdio.h>\n\#include <$($(1)_HEADER)>\n' | \
	$(CC) $(CPPFLAGS) $(call optional_cflags,$(1)) -x c -E - >/dev/null 2>&1 && echo yes || echo no)
# Only yes and no are answers: anything else is a slip on the command line, and of another program in the environment.
$(foreach name,$(OPTIONAL),$(if $(filter-out yes no,$(or $($(name)),empty)),$(if $(filter environment,$(origin $(name))),\
	$(eval undefine $(name)),$(if $(filter undefined,$(origin $(name))),,$(error $(name)=$($(name)): yes or no is expected)))))
DETECTED :=
$(foreach name,$(OPTIONAL),$(if $(filter undefined,$(origin $(name))),$(eval DETECTED += $(name))$(eval $(name) := $(call has_header,$(name)))))
DECODERS := $(foreach name,$(OPTIONAL),$(if $(filter yes,$($(name))),$(name)))
DECODER_CFLAGS := $(foreach name,$(DECODERS),$(call optional_cflags,$(name)))
DECODER_LIBS := $(foreach name,$(DECODERS),$(call optional_libs,$(name)))

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS += -I. -Iinclude -I$(BUILD)/generated -D_GNU_SOURCE $(if $(filter double,$(REAL)),-DTEC_REAL_DOUBLE) \
	$(if $(filter no,$(CLONES)),-DTEC_NO_CLONES) $(DECODERS:%=-DTEC_%)
# ISO C alone would keep a * b + c from being one instruction.
CFLAGS += -std=c11 $(OPTIMISE) -g -fopenmp -fno-math-errno -fno-trapping-math -ffp-contract=fast $(WARN) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
	$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) $(HDF5_CFLAGS) $(BLAS_CFLAGS) $(DECODER_CFLAGS)
LDLIBS += $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null || echo -lyaml -ljpeg -lpng -lz -ljansson -lzip -lprotobuf-c) \
	$(DECODER_LIBS) $(HDF5_LIBS) $(BLAS_LIBS) -lpthread -lm

LIBRARY_SOURCES := $(sort $(wildcard src/*/*.c))
PROGRAM_SOURCES := $(sort $(wildcard jobs/*.c))
TEST_SOURCES := $(sort $(wildcard tests/unit/test_*.c tests/mpi/test_*.c))
TEST_HELPERS := $(filter-out $(TEST_SOURCES),$(sort $(wildcard tests/unit/*.c)))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_HELPERS := $(filter-out $(FUZZ_SOURCES),$(sort $(wildcard tests/fuzz/*.c)))
ALL_SOURCES := $(LIBRARY_SOURCES) $(PROGRAM_SOURCES) $(TEST_SOURCES) $(TEST_HELPERS) $(FUZZ_SOURCES) $(FUZZ_HELPERS) \
	$(wildcard tests/bench/*.c)
PROTO_SOURCES := $(sort $(wildcard src/*/*.proto))
GENERATED := $(foreach p,$(PROTO_SOURCES),$(BUILD)/generated/$(basename $(notdir $p)).pb-c.c)
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(BUILD)/obj/%.o) $(GENERATED:.c=.o)
PROGRAM_OBJECTS := $(PROGRAM_SOURCES:%.c=$(BUILD)/obj/%.o)
TEST_PROGRAMS := $(TEST_SOURCES:%.c=$(BUILD)/%)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:%.c=$(BUILD)/%)
SCRIPTS := $(filter-out %.py %.c,$(wildcard .ci/run tests/check tests/layers tests/coverage tests/e2e/*.sh tests/slurm/*.sh \
	tests/bench/* slurm/submit slurm/common.sh slurm/training.sh slurm/site.example slurm/*.sbatch configs/*.sh))

# Targets that build first and then run something start a build of their own, on all cores.
PARALLEL_MAKE = $(MAKE) --no-print-directory -j$$(nproc)

.PHONY: all deps deps-tests deps-slurm deps-lint install docs layers tidy coverage demo demo-long proof check check-slurm test-programs bench bench-compare \
	bench-torch bench-int8 bench-network bench-ranks bench-same bench-scale deps-scale lint format clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/tec

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile
	@echo 'Targets: all deps deps-tests deps-slurm install demo demo-long proof check check-slurm fuzz bench bench-compare' \
		'bench-torch bench-int8 bench-network bench-ranks bench-same bench-scale deps-lint lint layers tidy coverage format docs clean'

$(BUILD)/tec: $(PROGRAM_OBJECTS) $(BUILD)/libtec.a
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libtec.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

# The flags and the version are part of what an object depends on: a change of either rebuilds.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Sources that protoc-c writes; the compiler finds their headers in $(BUILD)/generated.
vpath %.proto $(sort $(dir $(PROTO_SOURCES)))
$(BUILD)/generated/%.pb-c.c $(BUILD)/generated/%.pb-c.h: %.proto
	@mkdir -p $(@D)
	$(if $(V),,@echo "  PROTO $<")
	$(Q)$(PROTOC_C) --proto_path=$(<D) --c_out=$(@D) $<
$(BUILD)/generated/%.o: $(BUILD)/generated/%.c $(BUILD)/flags
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(LIBRARY_OBJECTS) $(ALL_SOURCES:%.c=$(BUILD)/obj/%.o): | $(GENERATED)

# Ranks on different processors must make the same weights of the same gradients: a * b + c is never one instruction here.
$(BUILD)/obj/src/optim/%.o: CFLAGS += -ffp-contract=off

$(BUILD)/obj/src/base/version.o: CPPFLAGS += -DTEC_VERSION='"$(VERSION)"'
$(BUILD)/obj/src/base/version.o: $(BUILD)/version

# Pictures are altered with Pillow's arithmetic, which rounds every product.
$(BUILD)/obj/src/data/alter%.o: CFLAGS += -ffp-contract=off

$(BUILD)/flags: CONTENT = $(CC) $(OMPI_CC) $(CPPFLAGS) $(CFLAGS)
$(BUILD)/version: CONTENT = $(VERSION)
$(BUILD)/flags $(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CONTENT)' | cmp -s - $@ || printf '%s\n' '$(CONTENT)' > $@

# Commands can be tested too, so their objects are linked, all but main.
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_HELPERS:%.c=$(BUILD)/obj/%.o) \
		$(filter-out %/main.o,$(PROGRAM_OBJECTS)) $(BUILD)/libtec.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

test-programs: $(TEST_PROGRAMS)

# Finite differences are sharp in double precision only: those programs are built a second time.
check: deps
	@$(PARALLEL_MAKE) all test-programs
	@$(PARALLEL_MAKE) REAL=double BUILD=$(BUILD)/double build-gradient-tests
	@$(PARALLEL_MAKE) CLONES=no OPTIMISE=-O1 $(OPTIONAL:%=%=no) BUILD=$(BUILD)/plain all
	@BUILD=$(BUILD) tests/check

# Only the jobs on a Slurm of virtual nodes, which needs root. `make check` runs them too, unless SLURM=no.
check-slurm: deps
	-@$(MAKE) --no-print-directory deps-slurm
	@$(PARALLEL_MAKE) all
	@BUILD=$(BUILD) TESTS='^slurm/' tests/check

GRADIENT_TESTS := $(filter tests/unit/test_ops% tests/unit/test_model%,$(TEST_SOURCES))
.PHONY: build-gradient-tests
build-gradient-tests: $(GRADIENT_TESTS:%.c=$(BUILD)/%) $(BUILD)/tec

# Looks for inputs that make a parser of model files, images or data sets crash or hang, from those in tests/fuzz/corpus-*
# (most of which the unit tests replay); FUZZ_SECONDS for each. What is found stays in $(BUILD)/fuzz/found.
FUZZ_SECONDS ?= 600
.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

fuzz:
	@command -v clang >/dev/null || { echo 'make fuzz needs clang'; exit 1; }
	@$(PARALLEL_MAKE) BUILD=$(BUILD)/fuzz OMPI_CC=clang SAN=fuzzer-no-link,address,undefined fuzz-programs
	@for name in $(FUZZ_SOURCES:tests/fuzz/fuzz_%.c=%); do \
		found=$(BUILD)/fuzz/found/$$name; \
		mkdir -p $$found && \
		$(BUILD)/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-max_len=65536 -print_final_stats=1 -artifact_prefix=$$found/ $$found tests/fuzz/corpus-$$name || exit 1; \
	done

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_HELPERS:%.c=$(BUILD)/obj/%.o) $(BUILD)/libtec.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LINK $@")
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LDLIBS)

DEBIAN_PACKAGES := gcc make pkg-config libopenmpi-dev openmpi-bin libopenblas-dev libhdf5-dev libyaml-dev \
	libjpeg62-turbo-dev libpng-dev zlib1g-dev libjansson-dev libzip-dev libprotobuf-c-dev protobuf-c-compiler libwebp-dev libtiff-dev libgif-dev libopenjp2-7-dev \
	libcmocka-dev dataset-fashion-mnist
SLURM_PACKAGES := munge slurm-wlm
SPACK_PACKAGES := openmpi openblas hdf5 libyaml libjpeg-turbo libpng zlib jansson libzip protobuf-c libwebp libtiff giflib openjpeg cmocka
HEADERS := mpi.h hdf5.h cblas.h yaml.h stdio.h jpeglib.h png.h zlib.h jansson.h zip.h protobuf-c/protobuf-c.h stdarg.h stddef.h \
	stdint.h setjmp.h cmocka.h
FASHION_MNIST := /usr/share/datasets/fashion-mnist
# Of those that were not left out on purpose.
MISSING_DECODERS = $(filter-out $(DECODERS),$(DETECTED))
HAVE_DECODERS = test -z '$(strip $(MISSING_DECODERS))'
HAVE_ALL = command -v mpirun >/dev/null && command -v $(PROTOC_C) >/dev/null && test -d $(FASHION_MNIST) && \
	printf '\#include <%s>\n' $(HEADERS) | $(CC) $(CPPFLAGS) $(CFLAGS) -x c -E - >/dev/null 2>&1

deps:
	@if $(HAVE_ALL) && $(HAVE_DECODERS); then exit 0; fi; \
	sudo=; test "$$(id -u)" = 0 || sudo='sudo -n'; \
	if command -v apt-get >/dev/null && { test -z "$$sudo" || $$sudo true 2>/dev/null; }; then \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN_PACKAGES) || \
		{ $(HAVE_ALL); }; \
	elif $(HAVE_ALL); then \
		echo 'tec is built without $(strip $(MISSING_DECODERS)) images, for which libraries are missing.'; \
	else \
		echo 'tec needs these libraries, and this user may not install them:'; \
		echo '  Debian:  apt-get install $(DEBIAN_PACKAGES)'; \
		echo '  Spack:   spack install $(SPACK_PACKAGES)'; \
		echo '  modules: module load gcc openmpi openblas hdf5 libyaml libjpeg-turbo libpng zlib jansson libzip protobuf-c libwebp libtiff giflib openjpeg cmocka'; \
		echo 'The data set of the demo and of some tests is Debian'\''s dataset-fashion-mnist in $(FASHION_MNIST).'; \
		exit 1; \
	fi

# What tests compare with, and are skipped without. PYTHON is another python3 that has them.
PYTHON ?= /usr/bin/python3
TEST_PACKAGES := python3-numpy python3-h5py python3-torch python3-protobuf jq
deps-tests:
	@if $(PYTHON) -c 'import numpy, h5py, torch, google.protobuf' 2>/dev/null && command -v jq >/dev/null; then exit 0; fi; \
	sudo=; test "$$(id -u)" = 0 || sudo='sudo -n'; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES) || \
	{ echo 'Some tests need Debian'\''s $(TEST_PACKAGES), or PYTHON=... and jq'; exit 1; }

# For check-slurm; the jobs themselves use the Slurm of the cluster.
deps-slurm:
	@if command -v munged && command -v slurmctld && command -v slurmd && command -v srun; then exit 0; fi >/dev/null; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SLURM_PACKAGES); \
	else \
		echo 'The tests on Slurm need root, and Debian'\''s $(SLURM_PACKAGES).'; \
		exit 1; \
	fi

SHARE = $(DESTDIR)$(PREFIX)/share
install: all
	install -D $(BUILD)/tec $(DESTDIR)$(PREFIX)/bin/tec
	install -d $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/tec/slurm $(SHARE)/tec/configs
	@$(BUILD)/tec help --page man > $(BUILD)/tec.1
	@$(BUILD)/tec help --page bash > $(BUILD)/tec.bash
	install -m 644 $(BUILD)/tec.1 $(SHARE)/man/man1/tec.1
	install -m 644 $(BUILD)/tec.bash $(SHARE)/bash-completion/completions/tec
	install slurm/submit $(SHARE)/tec/slurm
	install -m 644 slurm/common.sh slurm/training.sh slurm/site.example slurm/*.sbatch $(SHARE)/tec/slurm
	install -m 644 configs/*.yaml $(SHARE)/tec/configs

# What is made of the tables of commands and settings.
docs: all
	@$(BUILD)/tec help --page markdown > $(BUILD)/manual.md
	cp $(BUILD)/manual.md docs/manual.md

demo demo-long proof: deps
	@$(PARALLEL_MAKE) all
	@BUILD=$(BUILD) configs/$@.sh

# bench.json: what this machine makes of every size, on one core; docs/performance.md quotes it. A few minutes.
BENCH_JSON ?= bench.json
bench: all
	@BUILD=$(BUILD) tests/bench/machine $(BENCH_JSON)

# BASE: a git revision to compare the working tree with. TORCH: path of bench_torch.py, PYTHON: one that has torch.
bench-compare:
	@tests/bench/compare $(BASE)

bench-torch: all
	@BUILD=$(BUILD) tests/bench/torch $(TORCH)

# Does training from int8 targets lose anything?
bench-int8: all
	@BUILD=$(BUILD) tests/bench/int8

# Root only: what overlap gains between two network namespaces on a slow link.
bench-network: all
	@BUILD=$(BUILD) tests/bench/network

# What ranks lose by working together on this machine.
bench-ranks: all
	@BUILD=$(BUILD) tests/bench/ranks

# BASE: a git revision. Does the working tree write and say what it did, bit for bit?
bench-same:
	@tests/bench/same $(BASE)

# Efficiency on many nodes, simulated from the calls that a run makes: `tests/bench/scale.py` says how. Half an hour.
# SVG: a picture of it.
bench-scale: all deps-scale
	@BUILD=$(BUILD) $(PYTHON) tests/bench/scale.py check
	@BUILD=$(BUILD) $(PYTHON) tests/bench/scale.py simulate $(SVG)

deps-scale:
	@if command -v smpirun >/dev/null; then exit 0; fi; \
	sudo=; test "$$(id -u)" = 0 || sudo='sudo -n'; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libsimgrid-dev

# Do all includes go downwards? tests/layers.rules says which way that is.
layers:
	@tests/layers

LINTERS := clang-format clang-tidy shellcheck clang
deps-lint:
	@for tool in $(LINTERS); do command -v $$tool >/dev/null || missing=1; done; \
	if test -z "$$missing"; then exit 0; fi; \
	sudo=; test "$$(id -u)" = 0 || sudo='sudo -n'; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(LINTERS) libomp-dev

tidy: $(GENERATED)
	@command -v clang-tidy >/dev/null || { echo 'make tidy needs clang-tidy: make deps-lint'; exit 1; }
	@printf '%s\n' $(LIBRARY_SOURCES) $(PROGRAM_SOURCES) | xargs -P $$(nproc) -n 16 sh -c \
		'clang-tidy --quiet "$$@" -- $(CPPFLAGS) $(CFLAGS) $(shell $(CC) --showme:compile) 2>/dev/null' tidy

# Lines and branches that the tests reach. Without Slurm, and without what measures time or sanitizes.
coverage: deps
	@$(PARALLEL_MAKE) BUILD=$(BUILD)/coverage OPTIMISE='-O1 --coverage' all test-programs
	@find $(BUILD)/coverage -name '*.gcda' -delete
	-@BUILD=$(BUILD)/coverage SLURM=no tests/check
	@BUILD=$(BUILD)/coverage tests/coverage

HEADER_FILES := $(wildcard include/tec/*.h src/*/*.h jobs/*.h tests/*/*.h)
lint:
	@clang-format --dry-run --Werror $(ALL_SOURCES) $(HEADER_FILES)
	@shellcheck -x $(SCRIPTS)
	@$(PARALLEL_MAKE) BUILD=$(BUILD)/clang OMPI_CC=clang WARN='$(WARN) -Werror' all test-programs

format:
	clang-format -i $(ALL_SOURCES) $(HEADER_FILES)

clean:
	rm -rf $(BUILD)

-include $(ALL_SOURCES:%.c=$(BUILD)/obj/%.d)
