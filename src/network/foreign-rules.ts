/** Takes our rules out of other people's chains. */
import type { Host } from '../host/host.ts'
import { ownHandles } from './foreign.ts'
import { runTool, type NetworkState } from './state.ts'

/** A chain that is gone holds no rule of ours. */
export async function closeForeignChains(host: Host, state: NetworkState): Promise<void> {
  for (const { family, table, chain } of state.opened) {
    const listing = await host.exec('nft', ['-j', '-a', 'list', 'chain', family, table, chain])
    if (listing.exitCode !== 0) continue
    for (const handle of ownHandles(listing.stdout, state.plan.bridge)) {
      await runTool(host, 'take out our firewall rule', 'nft', ['delete', 'rule', family, table, chain, 'handle', String(handle)])
    }
  }
}
