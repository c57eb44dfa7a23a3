"""Check of pckd on a machine with a GPU and without a network: one command, which can go on.

    python -m deploy.gpu_check pack PARTS --data-root CIFAR100   # where there is a network
    python -m deploy.gpu_check run PARTS OUT                     # on the machine

Carry this repository and the folder PARTS to the machine. It needs Python with torch and
torchvision; wheels of all other packages, and the images, are in PARTS, in files below 60 MB. OUT
keeps what each step printed. The same command again goes on with the steps that are not done.
"""
