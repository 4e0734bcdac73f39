/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * devices.c - counts a topology's devices by the types that a constraint can ask for.
 *
 * Called by ft_topology_facts. Accelerators are recognised by their PCI class, because the names
 * that the operating system gives them ("cuda0", "card0") depend on which drivers and hwloc plugins
 * are installed; where a description has no PCI devices, by those names after all. Network cards,
 * fabrics and disks are counted by the operating system's devices. What is virtual (bridges, loop
 * devices) hwloc leaves out; what is no help to a job (the management controller's graphics,
 * removable disks) is left out here.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "topology/internal.h"

#define PCI_DISPLAY 0x03   /* class, first byte */
#define PCI_VGA 0x0300
#define PCI_ACCELERATOR 0x12

static const char *const type_names[FT_DEVICE_TYPES] = {
    [FT_DEVICE_GPU] = "gpu",
    [FT_DEVICE_COPROC] = "coproc",
    [FT_DEVICE_NETWORK] = "network",
    [FT_DEVICE_OPENFABRICS] = "openfabrics",
    [FT_DEVICE_STORAGE] = "storage",
};

_Static_assert(FT_DEVICE_TYPES <= FT_FACTS_DEVICES_MAX, "struct ft_facts has no room");

/* Graphics of management controllers and virtual machines: nothing can be computed on them. */
static bool is_console(unsigned vendor)
{
    static const unsigned vendors[] = {
        0x1a03 /* ASPEED */, 0x102b /* Matrox */, 0x19e5 /* Huawei */, 0x1013 /* Cirrus */,
        0x1234 /* Bochs, QEMU */, 0x1b36 /* Red Hat */, 0x1af4 /* virtio */, 0x15ad /* VMware */,
        0x80ee /* VirtualBox */, 0x1414 /* Hyper-V */,
    };
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
        if (vendor == vendors[i])
            return true;
    return false;
}

static enum ft_device_type pci_type(const struct hwloc_pcidev_attr_s *pci)
{
    if (pci->class_id >> 8 == PCI_ACCELERATOR)
        return FT_DEVICE_COPROC;
    if (pci->class_id >> 8 != PCI_DISPLAY)
        return FT_DEVICE_TYPES;
    if (pci->class_id == PCI_VGA && is_console(pci->vendor_id))
        return FT_DEVICE_TYPES;
    return FT_DEVICE_GPU;
}

static void add_model(struct ft_devices *devices, const struct hwloc_pcidev_attr_s *pci)
{
    uint64_t hash = ft_hash_number(FT_HASH_START, pci->class_id);

    devices->models += ft_hash_number(hash, (uint64_t)pci->vendor_id << 16 | pci->device_id);
}

static hwloc_obj_t pci_parent(hwloc_obj_t obj)
{
    while (obj && obj->type != HWLOC_OBJ_PCI_DEVICE)
        obj = obj->parent;
    return obj;
}

static bool is_removable(hwloc_obj_t obj)
{
    return obj->subtype && strstr(obj->subtype, "Removable");
}

/* Memory that the kernel offers as a device. */
static bool is_memory(hwloc_obj_t obj)
{
    return obj->name && strncmp(obj->name, "dax", 3) == 0;
}

static enum ft_device_type os_type(hwloc_obj_t obj)
{
    switch (obj->attr->osdev.type) {
    case HWLOC_OBJ_OSDEV_BLOCK:
        return is_removable(obj) || is_memory(obj) ? FT_DEVICE_TYPES : FT_DEVICE_STORAGE;
    case HWLOC_OBJ_OSDEV_NETWORK:
        return obj->name && strcmp(obj->name, "lo") == 0 ? FT_DEVICE_TYPES : FT_DEVICE_NETWORK;
    case HWLOC_OBJ_OSDEV_OPENFABRICS:
        return FT_DEVICE_OPENFABRICS;
    case HWLOC_OBJ_OSDEV_GPU: /* on a PCI device it is that device, counted already */
        return pci_parent(obj) ? FT_DEVICE_TYPES : FT_DEVICE_GPU;
    case HWLOC_OBJ_OSDEV_COPROC:
        return pci_parent(obj) ? FT_DEVICE_TYPES : FT_DEVICE_COPROC;
    default:
        return FT_DEVICE_TYPES;
    }
}

void ft_devices_count(hwloc_topology_t hwloc, struct ft_devices *devices)
{
    hwloc_obj_t obj = NULL;
    enum ft_device_type type;

    memset(devices, 0, sizeof *devices);
    while ((obj = hwloc_get_next_pcidev(hwloc, obj))) {
        type = pci_type(&obj->attr->pcidev);
        if (type == FT_DEVICE_TYPES)
            continue;
        devices->count[type]++;
        add_model(devices, &obj->attr->pcidev);
    }
    while ((obj = hwloc_get_next_osdev(hwloc, obj))) {
        hwloc_obj_t pci = pci_parent(obj);
        type = os_type(obj);
        if (type == FT_DEVICE_TYPES)
            continue;
        devices->count[type]++;
        if (type == FT_DEVICE_OPENFABRICS && pci)
            add_model(devices, &pci->attr->pcidev);
    }
}

void ft_devices_facts(const struct ft_devices *devices, struct ft_facts *facts)
{
    size_t n = 0;

    for (int type = 0; type < FT_DEVICE_TYPES; type++) {
        if (devices->count[type] == 0)
            continue;
        snprintf(facts->devices[n].type, sizeof facts->devices[n].type, "%s", type_names[type]);
        facts->devices[n++].count = devices->count[type];
    }
}
