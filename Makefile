# tec: build, test, demonstrate. `make help` lists the targets; nothing has to be configured first.
#
#   CC             compiler wrapper of MPI (mpicc); another compiler behind it: make OMPI_CC=clang
#   BLAS_LIBS      another CBLAS than OpenBLAS, e.g. BLAS_LIBS="-lblis" BLAS_CFLAGS="-I/opt/blis/include"
#   REAL=double    all arithmetic in double precision      SAN=address|undefined   a sanitizer
#   PREFIX         where `make install` puts the program   BUILD                   where objects and programs go

CC := mpicc
REAL ?= float
SAN ?=
PREFIX ?= /usr/local
BUILD ?= build$(if $(filter double,$(REAL)),/double)$(if $(SAN),/$(SAN))
PKG_CONFIG ?= pkg-config

OPTIMISE ?= -O3
WARN := -Wall -Wextra -Wshadow
PACKAGES := yaml-0.1 libjpeg libpng zlib jansson
HDF5_PACKAGE ?= $(firstword $(foreach p,hdf5 hdf5-serial hdf5-openmpi,$(shell $(PKG_CONFIG) --exists $(p) && echo $(p))))
BLAS_LIBS ?= $(shell $(PKG_CONFIG) --libs openblas 2>/dev/null || echo -lopenblas)
BLAS_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags openblas 2>/dev/null)
HDF5_LIBS ?= $(shell $(PKG_CONFIG) --libs $(HDF5_PACKAGE) 2>/dev/null || echo -lhdf5)
HDF5_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(HDF5_PACKAGE) 2>/dev/null)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS += -I. -Iinclude -D_GNU_SOURCE $(if $(filter double,$(REAL)),-DTEC_REAL_DOUBLE)
CFLAGS += -std=c11 $(OPTIMISE) -g -fopenmp -fno-math-errno -fno-trapping-math $(WARN) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
	$(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null) $(HDF5_CFLAGS) $(BLAS_CFLAGS)
LDLIBS += $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null || echo -lyaml -ljpeg -lpng -lz -ljansson) \
	$(HDF5_LIBS) $(BLAS_LIBS) -lpthread -lm

LIBRARY_SOURCES := $(sort $(wildcard src/*/*.c))
PROGRAM_SOURCES := $(sort $(wildcard jobs/*.c))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(BUILD)/obj/%.o)
PROGRAM_OBJECTS := $(PROGRAM_SOURCES:%.c=$(BUILD)/obj/%.o)
UNIT_PROGRAMS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/tests/%)

.PHONY: all deps install demo demo-long check unit bench lint format clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/tec

$(BUILD)/tec: $(PROGRAM_OBJECTS) $(BUILD)/libtec.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libtec.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

# The version and the flags are part of what an object depends on: a change of either rebuilds.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/src/base/version.o: CPPFLAGS += -DTEC_VERSION='"$(VERSION)"'
$(BUILD)/obj/src/base/version.o: $(BUILD)/version

$(BUILD)/flags $(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(if $(filter %flags,$@),$(CC) $(OMPI_CC) $(CPPFLAGS) $(CFLAGS),$(VERSION))' | cmp -s - $@ || \
	printf '%s\n' '$(if $(filter %flags,$@),$(CC) $(OMPI_CC) $(CPPFLAGS) $(CFLAGS),$(VERSION))' > $@
FORCE:

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libtec.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

unit: $(UNIT_PROGRAMS)
	@for program in $(UNIT_PROGRAMS); do $$program || exit 1; done

-include $(LIBRARY_OBJECTS:.o=.d) $(PROGRAM_OBJECTS:.o=.d) $(UNIT_SOURCES:%.c=$(BUILD)/obj/%.d)
