from tidegraph.pipeline.configure import Pipeline as Pipeline
from tidegraph.pipeline.fitted import FittedPipeline as FittedPipeline
