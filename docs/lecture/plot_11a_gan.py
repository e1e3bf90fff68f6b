r"""
11a. Beyond the MLP: two networks against each other
====================================================

A *generative adversarial network* (Goodfellow et al. 2014) is a game. A generator :math:`G` turns
noise :math:`\mathbf{z}` into points; a discriminator :math:`D` tells real points from made ones:

.. math::

   L_D &= \operatorname{mean} \; \zeta(-D(\mathbf{x})) + \zeta(D(G(\mathbf{z}))) \\
   L_G &= \operatorname{mean} \; \zeta(-D(G(\mathbf{z})))

with the soft ReLU :math:`\zeta(a) = \log(1 + e^a)`. Each descends on its own loss, through the
other. There is no new machinery in it: two losses, two gradients, one graph.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.planner import Parameters, plan, plan_training

# %%
# What is to be imitated: a ring of eight clouds.

rng = np.random.default_rng(0)


def real_points(rows):
    """Return points of a ring of eight clouds."""
    angle = rng.integers(8, size=rows) * np.pi / 4
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (2 * ring + 0.1 * rng.normal(size=(rows, 2))).astype(np.float32)


# %%
# The graph
# ---------
# Two ordinary networks. ``network.forward`` applies one to any node: the discriminator is applied
# twice, with the same weights, to real points and to made ones.

noise = 4
G = fm.MLP([noise, 64, 64, 2], activation="relu", seed=0)
D = fm.MLP([2, 64, 64, 1], activation="tanh", seed=1)

x, z = g.input(2, "x"), g.input(noise, "z")
fake, _ = G.network.forward(z)
score_of_real, _ = D.network.forward(x)
score_of_fake, _ = D.network.forward(fake)

discriminator_loss = g.mean(g.softplus(-score_of_real) + g.softplus(score_of_fake))
generator_loss = g.mean(g.softplus(-score_of_fake))

# %%
# Such games circle around their equilibrium. What calms them is a penalty on how steep :math:`D` is
# at the real points (Mescheder et al. 2018), :math:`\frac{\gamma}{2} \|\partial D / \partial
# \mathbf{x}\|^2`. A gradient is a node here, so that is one line, and training differentiates it
# again:

slope = g.gradient(g.sum(score_of_real), x)
discriminator_loss = discriminator_loss + 0.5 * 0.3 * g.mean(g.sum(slope**2, axis=1))

# %%
# The game
# --------
# ``fit`` knows of one loss. The planner below it takes a gradient for each parameter: those of
# :math:`G` follow :math:`L_G`, those of :math:`D` follow :math:`L_D`, both at the same time.

players = {generator_loss: G.network.parameter_nodes, discriminator_loss: D.network.parameter_nodes}
gradients = {
    node: signal
    for loss, nodes in players.items()
    for node, signal in zip(nodes, g.gradient(loss, nodes), strict=True)
}
parameters = Parameters(list(gradients))
rule = fm.Adam(1e-3, beta1=0.5)
game = plan_training(
    generator_loss, parameters, rule, metrics=[discriminator_loss], gradients=gradients
)
sample = plan([fake], parameters=parameters)


def normal(rows):
    """Return noise."""
    return rng.normal(size=(rows, noise)).astype(np.float32)


rows, batch = 4096, 256
steps, state = rows // batch, game.new_state()
fixed_noise = normal(1000)
stages, losses = {}, []
for epoch in range(241):
    if epoch in (0, 15, 60, 240):
        stages[epoch * steps] = sample.run({z: fixed_noise})[0]
    first = epoch * steps
    result = game.run_epochs(
        {x: real_points(rows), z: normal(rows)},
        state=state,
        order=None,
        batch_size=batch,
        epochs=1,
        step_values=rule.step_values(first, steps, rule.rates(first, steps)),
        seed=0,
        first_step=first,
    )
    losses.append(result.scalars[0])

# %%
# What the generator makes of the same noise as the game goes on:

truth = real_points(1000)
fig, axes = plt.subplots(2, 2, figsize=(6.4, 6.8), sharex=True, sharey=True)
for ax, (step, points) in zip(axes.ravel(), stages.items(), strict=True):
    ax.plot(*truth.T, ".", color="#BBBBBB", markersize=3, label="real")
    ax.plot(*points.T, ".", color="#D55E00", markersize=3, label="generated")
    ax.set(title=f"after {step} steps", aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
axes[-1, -1].legend(markerscale=4, loc="center")
plt.show()

# %%
# At the equilibrium :math:`D` cannot tell: it says 0 everywhere, and :math:`L_G = \log 2`,
# :math:`L_D = 2 \log 2`.

fig, ax = plt.subplots(figsize=(7, 3.6))
curves = np.array(losses)
ax.plot(curves[:, 1], label="discriminator")
ax.plot(curves[:, 0], label="generator")
for level in (np.log(2), 2 * np.log(2)):
    ax.axhline(level, color="#999999", linewidth=1, linestyle="--")
ax.set(xlabel="epoch of 16 steps", ylabel="loss", title="The dashed lines are log 2 and 2 log 2")
ax.legend()
plt.show()

# %%
# How much of the ring is covered: of the generated points, the share near each cloud.


def shares(points):
    """Return the share of the points within 0.5 of each cloud's centre."""
    angle = np.arange(8) * np.pi / 4
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    near = np.linalg.norm(points[:, None] - centres, axis=2) < 0.5
    return near.mean(axis=0)


print("cloud  ", *range(1, 9), sep="\t")
print("share  ", *np.round(shares(stages[max(stages)]), 2), sep="\t")

# %%
# What the package lacks for this
# -------------------------------
# ``fit`` has one loss, so the loop above is written out: it makes noise in Python between epochs,
# counts the steps for Adam, and keeps its state. Both players share one optimizer's settings, and
# take their steps at the same time; several steps of :math:`D` for one of :math:`G` need a second
# plan, of :math:`D`'s gradients alone, over the same parameters.

# sphinx_gallery_thumbnail_number = 1
