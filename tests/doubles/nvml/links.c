/* How GPUs reach each other: paths by PCIe, NVLinks, NVSwitches. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

/* nvmlGpuTopologyLevel_t, by the words of nvidia-smi */
static int level(const char *name) {
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"X", 0}, {"PIX", 10}, {"PXB", 20}, {"PHB", 30}, {"NODE", 40}, {"SYS", 50}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (!strcmp(name, levels[i].name)) return levels[i].level;
    return -1;
}

API nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t one, nvmlDevice_t other,
                                                     uint32_t *found) {
    BEGIN();
    DEVICE(one, 0);
    DEVICE(other, 0);
    char row[sizeof one->paths], *rest = row, *word = NULL;
    strcpy(row, one->paths);
    for (int i = 0; i <= other->section; i++)
        word = strsep(&rest, " ");
    REQUIRE(word && level(word) >= 0, NVML_ERROR_NOT_SUPPORTED);
    *found = (uint32_t)level(word);
    return leave(NVML_SUCCESS);
}

/* What a link leads to: "gpuN", "switch", "-" for one that is down, NULL for one that is not there */
static const char *end_of(nvmlDevice_t gpu, uint32_t link) {
    return link < (uint32_t)gpu->nvlink_count ? gpu->nvlinks[link] : NULL;
}

static int leads_to(nvmlDevice_t gpu, const char *what) {
    for (int i = 0; i < gpu->nvlink_count; i++)
        if (!strcmp(gpu->nvlinks[i], what)) return 1;
    return 0;
}

API nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t gpu, uint32_t link, uint32_t *active) {
    BEGIN();
    DEVICE(gpu, 0);
    REQUIRE(gpu->nvlink_count, NVML_ERROR_NOT_SUPPORTED);
    REQUIRE(end_of(gpu, link), NVML_ERROR_INVALID_ARGUMENT);
    *active = strcmp(end_of(gpu, link), "-") != 0;
    return leave(NVML_SUCCESS);
}

typedef struct {
    char legacy[16];
    uint32_t domain, bus, device, pci_device, pci_subsystem;
    char bus_id[32];
} nvmlPciInfo_t;

static nvmlReturn_t give_pci(nvmlPciInfo_t *pci, const char *bus_id) {
    memset(pci, 0, sizeof *pci);
    snprintf(pci->bus_id, sizeof pci->bus_id, "%s", bus_id);
    snprintf(pci->legacy, sizeof pci->legacy, "%.15s", bus_id + (strlen(bus_id) > 12 ? 4 : 0));
    sscanf(bus_id, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t gpu, nvmlPciInfo_t *pci) {
    BEGIN();
    DEVICE(gpu, 0);
    REQUIRE(gpu->pci[0], NVML_ERROR_NOT_SUPPORTED);
    return leave(give_pci(pci, gpu->pci));
}

API nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t gpu, uint32_t link,
                                                     nvmlPciInfo_t *pci) {
    BEGIN();
    DEVICE(gpu, 0);
    REQUIRE(gpu->nvlink_count, NVML_ERROR_NOT_SUPPORTED);
    const char *end = end_of(gpu, link);
    REQUIRE(end, NVML_ERROR_INVALID_ARGUMENT);
    REQUIRE(strcmp(end, "-"), NVML_ERROR_NOT_FOUND);
    int index;
    if (sscanf(end, "gpu%d", &index) == 1 && index >= 0 && index < MAX_GPUS)
        return leave(give_pci(pci, machine_gpus[index].pci));
    return leave(give_pci(pci, "00000000:C4:00.0")); /* an NVSwitch */
}

/* nvmlDeviceGetP2PStatus: of the kinds, NVLink alone (NVML_P2P_CAPS_INDEX_NVLINK) */
API nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t one, nvmlDevice_t other, int kind,
                                        uint32_t *status) {
    BEGIN();
    DEVICE(one, 0);
    DEVICE(other, 0);
    REQUIRE(kind == 2, NVML_ERROR_NOT_SUPPORTED);
    char name[16];
    snprintf(name, sizeof name, "gpu%d", other->section);
    int switched = leads_to(one, "switch") && leads_to(other, "switch") && !machine.fabric_down;
    *status = leads_to(one, name) || switched ? 0 /* OK */ : 5 /* NOT_SUPPORTED */;
    return leave(NVML_SUCCESS);
}
