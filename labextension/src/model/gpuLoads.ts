// The load of GPUs, put into what is known of them; pure.
import { IGpu, IGpuLoads, IGpus, IHolder } from '../client/wire';

/**
 * The same GPUs with other loads; the very same object where nothing is another. Who holds a GPU is
 * left as it is, and GPUs that are not known are ignored: `GET gpus` alone tells that.
 */
export function withLoads(known: IGpus, loads: IGpuLoads): IGpus {
  const byUuid = new Map(loads.gpus.map(load => [load.uuid, load]));
  let isOther = false;
  const gpus = known.gpus.map(gpu => {
    const load = byUuid.get(gpu.uuid);
    const next = load ? withLoad(gpu, load) : gpu;
    isOther ||= next !== gpu;
    return next;
  });
  return isOther ? { ...known, gpus } : known;
}

function withLoad(gpu: IGpu, load: IGpuLoads['gpus'][number]): IGpu {
  const { memory_used, utilization } = load;
  const shares = new Map(
    load.holders.map(each => [each.container_id, each.memory_used])
  );
  const holders = gpu.holders.map(holder => withShare(holder, shares));
  const isSame =
    memory_used === gpu.memory_used &&
    utilization === gpu.utilization &&
    holders.every((holder, index) => holder === gpu.holders[index]);
  if (isSame) {
    return gpu;
  }
  return {
    ...gpu,
    memory_used,
    memory_free: Math.max(0, gpu.memory_total - memory_used),
    utilization,
    holder: holders[0] ?? gpu.holder,
    holders
  };
}

function withShare(
  holder: IHolder,
  shares: ReadonlyMap<string, number | null>
): IHolder {
  const share = shares.get(holder.container_id);
  return share === undefined || share === holder.memory_used
    ? holder
    : { ...holder, memory_used: share };
}
