from tidegraph.pipeline.configure import Pipeline as Pipeline
from tidegraph.pipeline.fitted import FittedPipeline as FittedPipeline
from tidegraph.pipeline.past import Windows as Windows
