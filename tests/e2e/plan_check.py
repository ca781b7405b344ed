"""Compares a file of `tec plan --json` with what was printed: plan_check.py PLAN.json TEXT. Every number of the file stands
in the text, and the text has no other line."""
import json
import sys

plan = json.load(open(sys.argv[1], encoding="utf-8"))
printed = [line for line in open(sys.argv[2], encoding="utf-8").read().splitlines() if line]
job, machine, time = plan["job"], plan["machine"], plan["time"]


def size(name, number, more=""):
    unit = sum(number >= 1000 ** i for i in range(2, 6))
    return f"  {name:34} {number / 1000 ** (unit + 1):9.2f} {'kMGTP'[unit]}B{more}"


def count(number, name):
    return f"{number} {name}{'s' if number > 1 else ''}"


lines = ["performance " + plan["performance"], *plan["assumptions"], "disk",
         f"  {machine['rank_flops_per_second'] / 1e9:.1f} GFLOP/s per rank in training steps, allreduce "
         f"{machine.get('allreduce_bytes_per_second', 0) / 1e9:.2f} GB/s inside a node, network "
         f"{machine['network_bits_per_second'] / 1e9:.0f} Gbit/s",
         f"{job['images']} images, {count(job['nodes'], 'node')} x {count(job['ranks_per_node'], 'rank')} x "
         f"{count(job['threads'], 'thread')}, {job['batch']} images a step"]
for memory in plan["memory"]:
    lines += ["memory, " + memory["command"], *(size(i["name"], i["bytes"]) for i in memory["items"]),
              size("a rank", memory["rank_bytes"]),
              size("a node", memory["node_bytes"], "" if memory["fits"] else "  MORE THAN A NODE HAS")]
lines.append(size("a checkpoint (2 are kept)", plan["disk"]["checkpoint_bytes"]))
for store in plan["disk"].get("stores", []):
    lines.append(size("target store, " + store["name"], store["bytes"], f"  {store['of_float16']:.3f} of float16" +
                      ", as the settings say" * store["chosen"]))
lines.append(f"{plan['command']}: {time['steps']} steps of {time['step_seconds']:.4f} s")
lines += [f"  {p['name']:34} {p['seconds']:9.4f} s {100 * p['share']:6.2f} %" for p in time["parts"]]
lines += [f"  {'images/s':34} {time['images_per_second']:9.2f}",
          f"communication share {100 * time['communication_share']:.2f} %",
          f"checkpoints: {time['checkpoints']}, {time['checkpoint_seconds']:.1f} s each",
          f"node-hours {time['node_hours']:.2f}"]
if "validations" in time:
    lines.append(f"validations: {time['validations']}, {time['validation_seconds']:.1f} s each")
if "online" in plan:
    way = plan["online"]
    fewer = "in the step" if way["node_hours"] < way["store_node_hours"] else "with a store"
    lines += ["targets, stored or computed in the step (targets.online" + ", as the settings say" * way["chosen"] + ")",
              f"  a store of {count(way['views'], 'view')}: {way['store_node_hours']:.3f} node-hours once",
              size("its bytes", way["store_bytes"]),
              f"  in the step: {way['step_seconds']:.4f} s of each, {way['node_hours']:.3f} node-hours in "
              f"{way['epochs']} epochs, no bytes",
              f"  node-hours are fewer {fewer}",
              f"  in the step takes fewer for up to {way['epochs_cheaper']} epoch" + "s" * (way["epochs_cheaper"] != 1)]
ends = [f", {time['seconds']:.1f} s"] + [f", {time[k]:.2f} node-hours" for k in ["targets_node_hours"] if k in time]
rest = [line for line in printed if line not in lines]
if len(rest) != len(ends) or not all(any(line.endswith(end) for line in rest) for end in ends) or set(lines) - set(printed):
    sys.exit(f"only printed: {rest}\nonly in plan.json: {set(lines) - set(printed)}")
