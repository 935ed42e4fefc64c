/* The machine that the fake NVML shows: what a machine file (*.ini) says, in memory. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>
#include <sys/types.h>

enum { MAX_GPUS = 32, MAX_MIG = 7, MAX_PROCESSES = 32, MAX_NVLINKS = 18 };
#define MIB (1024ULL * 1024ULL)

/* nvmlReturn_t, by the names of nvml.h */
typedef enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_RESET_REQUIRED = 16,
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_UNKNOWN = 999,
} nvmlReturn_t;

typedef struct {
    char pid[160]; /* a number, or "@file": the number that stands in this file */
    uint64_t memory;
    uint32_t gpu_instance, compute_instance;
    int draws; /* it has a graphics context beside its compute context ("C+G") */
} process_t;

/* nvmlDevice_t points at one of these: a GPU or a MIG device */
typedef struct device {
    int present, is_mig, index;
    int gpu; /* index of the GPU itself, or of a MIG device's parent */
    char name[96], uuid[96];
    uint32_t minor, brand, utilization, memory_utilization;
    int capability_major, capability_minor;
    nvmlReturn_t state;
    uint64_t total, reserved, used;                  /* bytes */
    int mig_mode;                                    /* -1: this GPU knows no MIG */
    struct device *mig[MAX_MIG];                     /* with gaps, where an instance was deleted */
    uint32_t gpu_instance, compute_instance, slices; /* of a MIG device */
    int section; /* N of its [gpuN] */
    char pci[32], paths[256];
    int nvlink_count;
    char nvlinks[MAX_NVLINKS][8]; /* "gpuN", "switch", "-" for one that is down */
    int no_events;  /* NVML cannot watch this GPU */
    uint64_t energy; /* 1 + millijoules since the driver was loaded; 0: it does not count them */
    uint64_t power;  /* 1 + milliwatts; 0: it does not tell */
    int recovery;   /* 1 + nvmlDeviceGpuRecoveryAction_t; 0: a driver that does not tell */
    int process_count;
    int hides_processes;
    process_t processes[MAX_PROCESSES];
} device_t;

typedef struct {
    char driver[80];
    int cuda; /* 12040 is CUDA 12.4 */
    nvmlReturn_t init;
    int gpu_count;
    int only_present_nodes;
    int fabric_down; /* NVSwitches are there, but the fabric manager does not run */
    unsigned latency_us;
    char hang_while[256]; /* every call waits while this file exists */
} system_t;

extern system_t machine;
extern device_t machine_gpus[MAX_GPUS];

/* Read the machine file again when it changed since the last time. */
void machine_load(int force);

#endif
