"""Loaders of other jobs, put into a graph as nodes that nothing asks for.

ComfyUI keeps the results of the nodes that a prompt names, whether or not they are needed, and runs only those that are
(docs/facts/comfyui.md#the-execution-cache): what was loaded for another job stays, and nothing is loaded for it.
"""

from copy import deepcopy

from workflows.template import Graph

LAST_LOADER = "Base model"  # which takes what the other loaders of a mode's own made
KNOWN_BY_ID = ("WanVideoLoraSelect",)  # and so is what is made of it


def loaders_of(graph: Graph) -> Graph:
    """The loader of the base model and all that it is made of: talk model, LoRA, block swap."""
    wanted = [node for node, entry in graph.items() if entry["_meta"]["title"] == LAST_LOADER]
    for node in wanted:
        links = [value[0] for value in graph[node]["inputs"].values() if isinstance(value, list)]
        wanted += [source for source in links if source not in wanted]
    return {node: deepcopy(graph[node]) for node in wanted}


def add_idle(graph: Graph, loaders: Graph, name: str) -> bool:
    """Put `loaders` into `graph`, under ids and titles with this name in them.

    False, and nothing is done, where one that is known by its id would need that of another node.
    """
    ids = {node: node if entry["class_type"] in KNOWN_BY_ID else f"{name}_{node}" for node, entry in loaders.items()}
    if any(graph.get(node, loaders[node]) != loaders[node] for node in loaders if ids[node] == node):
        return False
    for node, entry in loaders.items():
        if ids[node] not in graph:
            inputs = {
                key: [ids[value[0]], value[1]] if isinstance(value, list) else value
                for key, value in entry["inputs"].items()
            }
            titled = {"title": f"{entry['_meta']['title']} of {name}"}
            graph[ids[node]] = {**entry, "_meta": titled, "inputs": inputs}
    return True
